"""crossrank bench: choices reach the plan, results are written, printed and told as JSON. The rounds are made up."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from clients.command_line import main
from clients.command_line.measure import bench
from clients.command_line.shared.console import CommandFailed
from clients.load.bench.benchmark import Outcome, Plan
from clients.load.bench.result import summary
from gateway.domain.progress import Say
from tests.clients.load.bench.made import made, record_of


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """The benchmark without its rounds; what it was asked for."""
    asked: list[Plan] = []

    class Made:
        def __init__(self, plan: Plan) -> None:
            asked.append(plan)
            self._plan = plan

        def run(self, told: Say) -> Outcome:
            for name in self._plan.systems:
                told(name)
            record = record_of([made(name, 10.0) for name in self._plan.systems])
            machine = {"processor": "p", "cores": 2, "memory_gb": 8.0, "load_before": [0.0]}
            lengths = {mix: {"mean": 57.0, "p95": 80.0} for mix in self._plan.mixes}
            return Outcome(self._plan.document(), machine, {"python": "3.11"}, lengths, {}, record)

    monkeypatch.setattr(bench, "Benchmark", Made)
    return asked


def run(tmp_path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        main.build_app(), ["bench", "--state-dir", str(tmp_path), "--out", str(tmp_path / "out"), *arguments]
    )


def test_quick_means_fewer_rounds_and_loads(tmp_path: Path, plans: list[Plan]) -> None:
    assert run(tmp_path, "--quick").exit_code == 0
    (plan,) = plans
    assert (plan.rounds, plan.seconds, plan.mixes) == (2, 5.0, ["mixed"])
    assert list(plan.systems) == list(summary.SYSTEMS)
    assert len(plan.extras.cells) == 3


def test_results_are_written_and_told(tmp_path: Path, plans: list[Plan]) -> None:
    done = run(tmp_path, "--quick")
    assert done.exit_code == 0, done.output
    document = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert document["pairs_per_s"]["gateway"] == 10.0
    assert document["recommend"] == {
        "recommend_minus_rerank_p50_ms": "not measured",
        "reason": "left out by --quick",
    }
    assert "<h1>" in (tmp_path / "out" / "report.html").read_text()
    assert "infinity_int8" in done.stdout


def test_json_is_one_document_on_standard_output(tmp_path: Path, plans: list[Plan]) -> None:
    document: Any = json.loads(run(tmp_path, "--quick", "--json").stdout)
    assert document["ratios"]["gateway_vs_bare_engine"] == 1.0


def test_systems_can_be_chosen_and_the_others_are_absent_with_a_reason(tmp_path: Path, plans: list[Plan]) -> None:
    done = run(tmp_path, "--systems", "bare_engine, triton", "--rounds", "3", "--seconds", "2", "--mixes", "mixed")
    assert done.exit_code == 0, done.output
    (plan,) = plans
    assert (list(plan.systems), plan.rounds, plan.seconds) == (["bare_engine", "triton"], 3, 2.0)
    document = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert document["absent"]["gateway"] == "not asked for: --systems"
    assert document["recommend"]["reason"] == "the gateway was not measured"


@pytest.mark.parametrize("arguments", [("--systems", "solr"), ("--systems", ","), ("--mixes", "poems")], ids=" ".join)
def test_names_that_do_not_exist_are_usage_errors(
    tmp_path: Path, plans: list[Plan], arguments: tuple[str, str]
) -> None:
    failure = run(tmp_path, *arguments).exception
    assert isinstance(failure, CommandFailed)
    assert failure.exit_code == 2
    assert arguments[0] in failure.message
    assert "choose of" in failure.remedy


def test_a_repository_without_a_model_is_told(tmp_path: Path) -> None:
    failure = run(tmp_path, "--model-repository", str(tmp_path), "--systems", "triton").exception
    assert isinstance(failure, CommandFailed)
    assert "no version folder" in failure.message
