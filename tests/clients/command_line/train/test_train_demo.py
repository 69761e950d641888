"""crossrank train-demo on tables that this project has never seen: from CSV to a version that the gate passes, with no
code for them; and what it refuses before anything is written."""

import json
from pathlib import Path

import pytest

from clients.command_line.shared.console import CommandFailed, ExitCode
from clients.command_line.train.train_demo import _new_repository
from gateway.encoding.bundle import fingerprint_of, open_bundle
from tests.clients.command_line.program import Outcome, crossrank
from tests.clients.command_line.shop import BRANDS, Shop, make_shop
from training.evaluation.plan import RERANKED
from training.examples.example import read_examples
from training.ranker.baselines import WITHOUT_LOGIT
from training.release.gate.check import Outcome as Checked
from training.release.gate.gate import Evidence, read_gate, run_gate
from training.release.repository.model_folder import ModelFolder

SEED = 11


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return make_shop(tmp_path_factory.mktemp("shop"), seed=SEED)


@pytest.fixture(scope="module")
def made(shop: Shop) -> Outcome:
    """The whole chain, once."""
    done = crossrank("train-demo", *shop.options(), "--folder", shop.folder / "out", "--depth", 60, "--json")
    assert done.exit_code == ExitCode.OK, f"seed {SEED}: {done.notes[-4000:]}"
    return done


@pytest.fixture
def version(made: Outcome, shop: Shop) -> Path:
    """Its version folder; must not be changed."""
    return shop.folder / "out" / "repository" / "cross_encoder" / "1"


def test_tables_that_nobody_has_seen_become_a_version_that_the_gate_passes(made: Outcome, version: Path) -> None:
    gate = made.document["gate"]
    assert gate["verdict"] == "passed"
    assert {one["outcome"] for one in gate["checks"]} == {"passed"}
    assert read_gate(version) == gate, "the record stands in the version's folder"
    [labels] = [one for one in gate["checks"] if one["name"] == "labels"]
    assert labels["figures"]["low"] > 0.5, "it learned what is wanted"
    assert labels["figures"]["lists"] == 32


def test_what_somebody_else_keeps_in_the_folder_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "repository" / "cross_encoder").mkdir(parents=True)
    kept = tmp_path / "repository" / "thesis.txt"
    kept.write_text("years of work", encoding="utf-8")
    with pytest.raises(CommandFailed, match=r"holds 'thesis\.txt', which train-demo did not make"):
        _new_repository(tmp_path / "repository")
    assert kept.read_text(encoding="utf-8") == "years of work"
    kept.unlink()
    assert sorted(one.name for one in _new_repository(tmp_path / "repository").iterdir()) == ["bi_encoder"]


def test_the_version_reads_the_columns_that_the_tables_have(version: Path) -> None:
    bundle = open_bundle(version / "encoding")
    assert [one.name for one in bundle.spec.item.fields] == ["brand", "category", "label"]
    assert [one.name for one in bundle.spec.context.history_fields] == ["brand", "category"]
    assert any(set(BRANDS) & set(pair.item.values()) for pair in bundle.golden.pairs), "of this shop's goods"
    assert "32 users, 120 items" in (version / "README.md").read_text(encoding="utf-8")


def test_the_version_that_passed_is_promoted_into_a_repository_of_its_own(version: Path, shop: Shop) -> None:
    model = ModelFolder(shop.folder / "out" / "served" / "cross_encoder")
    state = model.state()
    assert state is not None
    assert state.serving == 1
    assert model.fingerprint(1) == fingerprint_of(version / "encoding")
    assert run_gate(model.folder(1), Evidence()).failed == []


def test_what_was_made_is_proved_by_its_files_and_not_by_the_record(version: Path) -> None:
    """The gate's answer does not come from gate.json: asked again without evidence, what needs none still passes."""
    report = run_gate(version, Evidence())
    assert report.failed == []
    assert {one.name for one in report.checks if one.outcome is Checked.PASSED} >= {"files", "fingerprint", "tokens"}


def test_only_wanted_goods_were_learned_as_wanted(made: Outcome, shop: Shop) -> None:
    examples = read_examples(shop.folder / "out" / "run" / "examples.jsonl")
    rows = [line.split(",") for line in shop.interactions.read_text(encoding="utf-8").splitlines()[1:]]
    viewed = {(user, item) for user, item, event, *_ in rows if event == "view"}
    assert len(examples) == 960
    assert not {(one.user_id, one.items[0]) for one in examples} & viewed, "a view (weight 0) is no positive"


def test_the_report_stands_where_the_command_says(made: Outcome) -> None:
    folder = Path(made.document["report"])
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["users"] == made.document["users"] == 32
    assert {RERANKED, WITHOUT_LOGIT, "text_ann", "popular"} <= {one["name"] for one in report["methods"]}
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "shop: 32 users" in page
    assert report["methods"] == made.document["methods"]


def test_every_step_is_told_with_its_time(made: Outcome) -> None:
    seconds = made.document["seconds"]
    made_of = ["prepare", "candidates, negatives, fit", "export, evaluation", "reading", "gate", "promote"]
    assert list(seconds) == made_of
    assert all(value >= 0 for value in seconds.values())
    for step in seconds:
        assert f"{step} …" in made.notes


def test_a_column_that_the_tables_lack_is_named_before_anything_is_trained(shop: Shop, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(shop.config.read_text(encoding="utf-8").replace('"label"', '"title"'), encoding="utf-8")
    options = ["--config", wrong, "--items", shop.items, "--interactions", shop.interactions]
    done = crossrank("train-demo", *options, "--folder", tmp_path / "out")
    assert done.exit_code == ExitCode.FAILURE
    notes = " ".join(done.notes.split())
    assert "text.item_fields names 'title', but the items have no such column" in notes
    assert "category, label, brand" in notes, "the columns that there are"
    assert not (tmp_path / "out").exists()


def test_a_form_that_cpus_do_not_serve_is_refused_before_anything_is_trained(shop: Shop, tmp_path: Path) -> None:
    refused = crossrank("train-demo", *shop.options(), "--folder", tmp_path / "out", "--precision", "fp16")
    assert refused.exit_code == ExitCode.FAILURE
    assert "fp16 is not exported for a cpu" in refused.notes
    assert "int8 or fp32" in refused.notes
    assert not (tmp_path / "out").exists()


def test_the_starting_point_for_own_data_names_the_column_that_is_missing(shop: Shop, tmp_path: Path) -> None:
    """Exactly what a newcomer does first: the shipped configuration with tables that have no title."""
    options = ["--items", shop.items, "--interactions", shop.interactions, "--run", tmp_path / "run"]
    done = crossrank("train", "--config", "training/configs/own-data.toml", *options)
    assert done.exit_code == ExitCode.FAILURE
    assert "text.item_fields names 'title'" in " ".join(done.notes.split())
    assert not (tmp_path / "run").exists()
