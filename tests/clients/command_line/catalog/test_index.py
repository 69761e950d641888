"""crossrank index as a user runs it: what it refuses, and how it says so."""

from pathlib import Path

import pytest

from tests.clients.command_line.program import Outcome, crossrank

AWAY = ("--database-url", "postgresql://127.0.0.1:1/none", "--triton-url", "127.0.0.1:1")


@pytest.fixture
def items(tmp_path: Path) -> Path:
    """A table of two films."""
    file = tmp_path / "items.csv"
    file.write_text("item_id,title,year\n1,Heat,1995\n2,Alien,V\n", encoding="utf-8")
    return file


@pytest.fixture
def place(tmp_path: Path) -> tuple[object, ...]:
    """Options for servers that are away, and for a repository that looks right."""
    for folder in ("bi_encoder/1", "cross_encoder/1/encoding"):
        (tmp_path / "models" / folder).mkdir(parents=True)
        (tmp_path / "models" / folder / "tokenizer.json").touch()
    return (*AWAY, "--model-repository", tmp_path / "models")


def told(outcome: Outcome) -> str:
    """The notes in one line, for they are wrapped for a terminal; standard output belongs to results."""
    assert outcome.output == ""
    assert "Traceback" not in outcome.notes
    return " ".join(outcome.notes.split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "neither of them is given"),
        (("--items", "items.csv", "--dataset", "movielens-100k"), "both of them is given"),
        (("--dataset", "movielens-100k", "--interactions", "i.csv"), "--interactions is given with --dataset"),
        (("--interactions", "i.csv"), "neither of them is given"),
        (("--dataset", "netflix"), "there is no data set 'netflix'"),
        (("--items", "items.csv", "--attribute", "year"), "'year' is not NAME:KIND"),
        (("--items", "items.csv", "--attribute", "year:integer"), "'year:integer' is not NAME:KIND"),
    ],
)
def test_a_choice_that_makes_no_sense_is_a_usage_error(arguments: tuple[str, ...], message: str) -> None:
    done = crossrank("index", *arguments, *AWAY)
    assert done.exit_code == 2
    assert message in told(done)
    assert "try:" in done.notes


@pytest.mark.parametrize(
    ("given", "missing", "option"),
    [((), "postgres", "--database-url"), (AWAY[:2], "triton", "--triton-url")],
    ids=["nothing", "only PostgreSQL"],
)
def test_without_a_stack_it_names_the_option_for_the_missing_part(
    items: Path, tmp_path: Path, given: tuple[str, ...], missing: str, option: str
) -> None:
    done = crossrank("index", "--items", items, "--state-dir", tmp_path / "none", *given)
    assert done.exit_code == 1
    assert f"no {missing} runs here" in told(done)
    assert option in told(done)


def test_a_table_that_is_not_there_is_named(tmp_path: Path, place: tuple[object, ...]) -> None:
    done = crossrank("index", "--items", tmp_path / "gone.csv", *place)
    assert done.exit_code == 1
    assert "gone.csv: the file does not exist" in told(done)


def test_a_cell_that_cannot_be_read_is_named_before_anything_is_written(items: Path, place: tuple[object, ...]) -> None:
    done = crossrank("index", "--items", items, "--attribute", "year:number", *place)
    assert done.exit_code == 1
    assert "item '2': year is 'V', which is no number" in told(done)
    assert "item '1'" not in done.notes


def test_a_data_set_that_is_something_else_is_refused(tmp_path: Path, place: tuple[object, ...]) -> None:
    done = crossrank("index", "--dataset", "movielens-100k", "--from", tmp_path, *place)
    assert done.exit_code == 1
    assert "u.data and u.item" in told(done)


@pytest.mark.parametrize("lost", ["bi_encoder", "cross_encoder"])
def test_a_model_repository_without_a_model_is_named(
    items: Path, place: tuple[object, ...], tmp_path: Path, lost: str
) -> None:
    for tokenizer in (tmp_path / "models" / lost).glob("**/tokenizer.json"):
        tokenizer.unlink()
    done = crossrank("index", "--items", items, *place)
    assert done.exit_code == 1
    assert f"has no tokenizer of {lost}" in told(done)
    assert str(tmp_path / "models") in "".join(done.notes.split())
