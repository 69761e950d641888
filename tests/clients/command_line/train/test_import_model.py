"""crossrank import: a folder becomes a model version; failures are a message, a remedy and an exit code."""

from pathlib import Path

import pytest

from gateway.encoding.bundle import open_bundle
from tests.clients.command_line.program import crossrank
from tests.training.importing.checkpoints import save_checkpoint

_BUDGETS = ("--context-tokens", 48, "--item-tokens", 40)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_checkpoint(tmp_path_factory.mktemp("checkpoint") / "tiny", "distilbert")


def test_a_folder_becomes_a_version_and_a_second_import_of_it_is_refused(checkpoint: Path, tmp_path: Path) -> None:
    arguments = ("--model", checkpoint, "--fields", "title, genres", "--model-repository", tmp_path, "--version", 4)
    first = crossrank("import", *arguments, *_BUDGETS, "--name", "mine", "--precision", "int8", "--json")
    assert first.exit_code == 0, first.notes
    folder = tmp_path / "mine" / "4"
    assert first.document["version"] == str(folder)
    assert first.document["precision"] == "int8"
    assert first.document["licence"] == "mit"
    assert 0 < first.document["relative_error"] < 0.1
    spec = open_bundle(folder / "encoding").spec
    assert [field.name for field in spec.item.fields] == ["title", "genres"]
    assert [field.name for field in spec.context.history_fields] == ["title"]
    assert (spec.context.max_tokens, spec.item.max_tokens) == (48, 40)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    second = crossrank("import", *arguments, *_BUDGETS, "--name", "mine")
    assert second.exit_code == 1
    assert "version 4 of mine exists" in second.notes
    assert "next free --version" in second.notes
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before


def test_budgets_beyond_the_model_are_told_with_its_limit(checkpoint: Path, tmp_path: Path) -> None:
    outcome = crossrank("import", "--model", checkpoint, "--fields", "title", "--model-repository", tmp_path, "--json")
    assert outcome.exit_code == 1
    assert outcome.output == ""
    told = " ".join(outcome.notes.split())
    assert "96 tokens of context, 128 of item and 3 special ones make 227; the model reads at most 128" in told
    assert "at most 125: --context-tokens, --item-tokens" in told
    assert "Traceback" not in outcome.notes
    assert not list(tmp_path.iterdir())


def test_an_unknown_precision_is_a_mistake_of_usage(checkpoint: Path, tmp_path: Path) -> None:
    outcome = crossrank(
        "import", "--model", checkpoint, "--fields", "title", "--model-repository", tmp_path, "--precision", "int4"
    )
    assert outcome.exit_code == 2
    assert "int4" in outcome.notes


def test_help_names_every_choice() -> None:
    outcome = crossrank("import", "--help")
    assert outcome.exit_code == 0
    for option in ("--model", "--revision", "--positive-label", "--fields", "--history-items", "--precision", "--json"):
        assert option in outcome.output
