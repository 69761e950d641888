"""crossrank train, ablate, export and eval: what they refuse, and runs of a tiny model from the user's own tables."""

from pathlib import Path

import pytest

from clients.command_line.shared.console import ExitCode
from tests.clients.command_line.program import crossrank
from tests.training.synthetic import synthetic_tables
from tests.training.tiny_model import save_tiny_model
from training.data.digest import tables_digest
from training.data.tables import Tables, write_tables
from training.options.config import read_config
from training.run_folder import RunFolder

CONFIG = """
base_model = "{base}"
layers = 2
bf16 = false
[protocol]
min_positives = 12
held_out = 3
[text]
history_items = 3
context_tokens = 24
history_item_tokens = 6
item_tokens = 10
[align]
steps = 2
batch = 8
width = 4
[lists]
negatives = 5
near = 2
near_rank = 8
far = 2
far_rank = 24
min_history = 2
[fit]
lists = 8
settle_lists = 4
"""


def own_tables_with_a_configuration(folder: Path) -> list[str | Path]:
    """Writes both; the arguments that name them."""
    tables = synthetic_tables(users=16)
    write_tables(folder, tables)
    base = save_tiny_model(folder / "base", [" ".join(item.fields.values()) for item in tables.items])
    (folder / "tiny.toml").write_text(CONFIG.format(base=base), encoding="utf-8")
    return [
        *("--config", folder / "tiny.toml", "--run", folder / "run"),
        *("--items", folder / "items.csv", "--interactions", folder / "interactions.csv"),
    ]


def test_own_tables_are_prepared_then_become_a_trained_model_and_a_further_start_finds_it(tmp_path: Path) -> None:
    arguments = ["train", *own_tables_with_a_configuration(tmp_path), "--json"]
    prepared = crossrank(*arguments, "--prepare")
    assert prepared.document == {"run": str(tmp_path / "run"), "model": None}, prepared.notes
    assert (tmp_path / "run" / "aligned" / "model.safetensors").is_file()
    assert (tmp_path / "run" / "examples.jsonl").is_file()
    first = crossrank(*arguments)
    assert first.exit_code == ExitCode.OK, first.notes
    assert (Path(first.document["model"]) / "model.safetensors").is_file()
    second = crossrank(*arguments)
    assert second.document == first.document
    assert "is trained already" in " ".join(second.notes.split())


def test_an_ablation_tells_people_and_programs_what_each_variant_gains_over_the_base(tmp_path: Path) -> None:
    arguments = ["ablate", *own_tables_with_a_configuration(tmp_path), "--vary", "layers=1", "--depth", "10"]
    done = crossrank(*arguments, "--json")
    assert done.exit_code == ExitCode.OK, done.notes
    base, fewer = done.document["variants"]
    assert [(one["variant"], one["layers"]) for one in (base, fewer)] == [("base", 2), ("layers=1", 1)]
    assert fewer["difference"] == pytest.approx(fewer["ndcg"] - base["ndcg"])
    assert fewer["difference_low"] <= fewer["difference"] <= fewer["difference_high"]
    assert 0 < fewer["p"] <= fewer["p_holm"] <= 1
    assert base["p"] is None
    told = crossrank(*arguments)
    assert f"{base['lists']} valid lists" in told.output
    assert f"{fewer['difference']:+.4f}" in told.output


def test_a_configuration_with_a_wrong_key_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "wrong.toml").write_text("layer = 3\n", encoding="utf-8")
    done = crossrank("train", "--config", tmp_path / "wrong.toml", "--state-dir", tmp_path)
    assert done.exit_code == ExitCode.FAILURE
    assert "unknown key layer" in " ".join(done.notes.split())


def test_one_table_alone_is_refused(tmp_path: Path) -> None:
    done = crossrank("train", "--items", tmp_path / "items.csv", "--state-dir", tmp_path)
    assert done.exit_code == ExitCode.FAILURE
    assert "give both" in done.notes


def test_a_run_that_was_not_trained_cannot_be_exported(tmp_path: Path) -> None:
    tables = synthetic_tables(users=16)
    write_tables(tmp_path, tables)
    (tmp_path / "tiny.toml").write_text("[protocol]\nmin_positives = 12\nheld_out = 3\n", encoding="utf-8")
    done = crossrank(
        *("export", "--config", tmp_path / "tiny.toml", "--run", tmp_path / "run"),
        *("--items", tmp_path / "items.csv", "--interactions", tmp_path / "interactions.csv"),
    )
    assert done.exit_code == ExitCode.FAILURE
    assert "run crossrank train" in " ".join(done.notes.split())


def test_two_users_are_too_few_to_evaluate_and_no_stack_is_started_for_them(tmp_path: Path) -> None:
    write_tables(tmp_path, synthetic_tables(users=2))
    done = crossrank(
        *("eval", "--items", tmp_path / "items.csv", "--interactions", tmp_path / "interactions.csv"),
        *("--state-dir", tmp_path / "state"),
    )
    assert done.exit_code == ExitCode.FAILURE
    assert "0 of 2 users have 20 positives or more; at least 10 such users" in " ".join(done.notes.split())


def test_an_evaluation_measures_what_the_configuration_held_out(tmp_path: Path) -> None:
    """With the defaults for protocol these users would do: the configuration's own number refuses them."""
    write_tables(tmp_path, synthetic_tables(users=16))
    (tmp_path / "mine.toml").write_text("[protocol]\nmin_positives = 21\nmin_users = 300\n", encoding="utf-8")
    done = crossrank(
        *("eval", "--items", tmp_path / "items.csv", "--interactions", tmp_path / "interactions.csv"),
        *("--config", tmp_path / "mine.toml", "--state-dir", tmp_path / "state"),
    )
    assert done.exit_code == ExitCode.FAILURE
    assert "have 21 positives or more; at least 300 such users" in " ".join(done.notes.split())


def test_a_run_is_exported_and_judged_with_the_tables_it_was_trained_on(tmp_path: Path) -> None:
    tables = synthetic_tables(users=16)
    write_tables(tmp_path, tables)
    (tmp_path / "tiny.toml").write_text("[protocol]\nmin_positives = 12\nheld_out = 3\n", encoding="utf-8")
    run = tmp_path / "run"
    RunFolder(run).begin(read_config(tmp_path / "tiny.toml"), tables_digest(tables))
    given = [
        *("--config", tmp_path / "tiny.toml", "--run", run),
        *("--items", tmp_path / "items.csv", "--interactions", tmp_path / "interactions.csv"),
    ]
    assert "run crossrank train" in " ".join(crossrank("export", *given).notes.split()), "these are the tables"
    write_tables(tmp_path, Tables(tables.items, tables.interactions[:-1]))
    (tmp_path / "1").mkdir()
    for command in (["export"], ["gate", tmp_path / "1"]):
        done = crossrank(*command, *given)
        assert done.exit_code == ExitCode.FAILURE
        assert "begun with other tables" in " ".join(done.notes.split())


def test_an_unknown_data_set_is_a_wrong_use() -> None:
    done = crossrank("eval", "--dataset", "netflix")
    assert done.exit_code == ExitCode.USAGE
    assert "movielens-100k" in done.notes
