"""What crossrank eval prints and writes, and what it refuses before any work."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from clients.command_line.evaluate.evaluation_output import give_evaluation, prepare_report
from clients.command_line.shared import console
from clients.command_line.shared.console import CommandFailed, ExitCode
from tests.clients.command_line.program import crossrank
from tests.training.evaluation.by_hand import CATALOGUE, PLAN, POPULARITY, random_evaluated
from training.evaluation.cold import ColdResult, ColdRow
from training.evaluation.evaluate import evaluate
from training.evaluation.evaluation import Evaluation
from training.evaluation.fields import SharedField
from training.metrics.significance import PairedDifference
from training.ranker.cross_fit import Ablation

PLAN_WITH_AUTHOR = replace(PLAN, shared=(SharedField("author"),))


@pytest.fixture(scope="module")
def found() -> Evaluation:
    return evaluate(random_evaluated(60, seed=1), PLAN_WITH_AUTHOR, CATALOGUE, POPULARITY)


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "results", Console(highlight=False, width=80))
    monkeypatch.setattr(console, "notes", Console(highlight=False, width=80, stderr=True))


def row(text: str, *starts: str) -> str:
    """The first line that starts so, with single spaces."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return next(line for line in lines if line.startswith(" ".join(starts)))


def short(value: float) -> str:
    return f"{value:.4f}".lstrip("0")


@pytest.mark.usefixtures("narrow")
def test_people_see_rows_changes_segments_and_the_verdict(
    found: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    give_evaluation(found, "films", report=None, as_json=False)
    shown = capsys.readouterr()
    weak, strong = short(found.mean("weak")), short(found.mean("strong"))
    change = f"{found.change('weak'):+.0f} % **"
    assert row(shown.out, "weak", weak).endswith(change)
    assert row(shown.out, "strong", strong)
    assert change in row(shown.out, "ndcg@10", weak, strong)
    assert row(shown.out, "coverage@10")
    for one in found.segments:
        line = row(shown.out, one.name, str(one.lists), short(one.base), short(one.final))
        assert f"{one.paired.difference:+.4f}".replace("0.", ".", 1) in line
    assert all(one.group in shown.out for one in found.segments)
    assert all(one.sentence in shown.err for one in found.verdicts)
    assert "** p < .01" in shown.err


@pytest.mark.usefixtures("narrow")
def test_tables_fit_in_80_columns_with_the_names_of_real_rows(
    found: Evaluation, capsys: pytest.CaptureFixture[str]
) -> None:
    names = {"weak": "item_neighbors", "learned": "fusion_without_logit", "strong": "reranked"}
    long_names = replace(
        found,
        plan=replace(PLAN_WITH_AUTHOR, first_stage=("item_neighbors",), learned_without=(), final="reranked"),
        base="item_neighbors",
        methods=[replace(one, name=names.get(one.name, one.name)) for one in found.methods],
        paired={names.get(name, name): one for name, one in found.paired.items()},
    )
    give_evaluation(long_names, "films", report=None, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    for name in ("item_neighbors", "fusion_without_logit", "reranked"):
        assert any(line.startswith(f"{name} ") for line in lines), f"{name} was broken"


@pytest.mark.usefixtures("narrow")
def test_what_each_family_of_features_is_worth_is_told_where_it_is_known(
    found: Evaluation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give_evaluation(found, "films", report=None, as_json=False)
    assert "left out" not in capsys.readouterr().out
    rows = [Ablation("nothing", (), 0.1501, 0.0), Ablation("popularity", ("popularity",), 0.1382, -0.0119)]
    ablated = replace(found, fusion_ablation=rows)
    give_evaluation(ablated, "films", report=tmp_path, as_json=False)
    assert row(capsys.readouterr().out, "popularity", ".1382", "-.0119")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<td>popularity</td><td>1</td><td>0.1382</td><td>-0.0119</td>" in page
    document = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert [one["left_out"] for one in document["fusion_ablation"]] == ["nothing", "popularity"]


@pytest.mark.usefixtures("narrow")
def test_cold_items_have_a_table_a_verdict_and_a_part_of_the_report(
    found: Evaluation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    give_evaluation(found, "films", report=None, as_json=False)
    assert "items hidden" not in capsys.readouterr().out
    difference = PairedDifference(0.0232, 0.0111, 0.0353, 0.0001, 0.0004)
    rows = [
        ColdRow("cold items", "ndcg@10", 412, 0.0008, 0.024, difference),
        ColdRow("cold items", "recall@10", 412, 0.0, 0.031, difference),
        ColdRow("warm items", "ndcg@10", 703, 0.177, 0.1765, replace(difference, difference=-0.0005, p_holm=0.6)),
    ]
    cold = ColdResult(items=168, short=39.5, proposed=0.3456, listed=0.123, unkept=0.012, rows=rows)
    give_evaluation(replace(found, cold=cold), "films", report=tmp_path, as_json=False)
    shown = capsys.readouterr()
    assert row(shown.out, "168 items hidden: of those liked next sources propose 34.6%, lists hold 12.3%")
    assert row(shown.out, "(lists without places for such items: 1.2%)")
    assert row(shown.out, "cold items ndcg@10 412 .0008 .0240 30.00 +.0111 to +.0353 **")
    assert row(shown.out, "cold items recall@10 412 .0000 .0310 +.0111 to +.0353 **")
    assert max(map(len, shown.out.splitlines())) <= 80
    assert "the promise for cold items is kept: NDCG@10 0.0240 against 0.0008" in shown.err
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<td>0.0240</td><td>30.00</td><td>+0.0232</td>" in page
    assert "168 items were hidden from every fit." in page
    assert json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))["cold"]["rows"][0]["ratio"] == 30


@pytest.mark.usefixtures("narrow")
def test_without_segments_there_is_no_table_of_them(found: Evaluation, capsys: pytest.CaptureFixture[str]) -> None:
    give_evaluation(replace(found, segments=[]), "films", report=None, as_json=False)
    assert "users  weak" not in capsys.readouterr().out


def test_programs_get_one_document_and_the_report_beside_it(
    found: Evaluation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_report(tmp_path / "report")
    give_evaluation(found, "films", report=tmp_path / "report", as_json=True)
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert document["dataset"] == "films"
    assert document == json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    assert (tmp_path / "report" / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "report.html" in shown.err


def test_a_report_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandFailed, match="no report can be written") as refused:
        prepare_report(tmp_path / "file")
    assert refused.value.remedy == "name another --report"
    prepare_report(None)


def test_a_report_folder_that_vanished_meanwhile_is_told(found: Evaluation, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandFailed, match="no report can be written"):
        give_evaluation(found, "films", report=tmp_path / "file" / "below", as_json=True)


def test_eval_refuses_a_report_in_the_place_of_a_file_and_a_field_without_kind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    arguments = ("eval", "--dataset", "movielens-100k", "--state-dir", tmp_path)
    done = crossrank(*arguments, "--report", tmp_path / "file")
    assert done.exit_code == ExitCode.FAILURE
    assert "no report can be written" in " ".join(done.notes.split())
    done = crossrank(*arguments, "--same-field", "genres")
    assert done.exit_code == ExitCode.FAILURE
    assert "'genres' is not NAME:KIND" in " ".join(done.notes.split())
