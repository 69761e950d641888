"""crossrank sweep: which targets are swept with what, and what comes out. tests/clients/load tests the measuring."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from clients.command_line import main
from clients.command_line.measure import sweep
from clients.command_line.shared.console import CommandFailed, ExitCode
from clients.load.perf_analyzer.binary import PerfAnalyzer
from clients.load.sample.own_gateway import OwnGateway
from clients.load.sweep.report import TargetSweep, read_sweep
from clients.load.sweep.sweep import Subject, TargetSweeper
from deploy.local.plan import Plan
from deploy.local.process.state import PartState, StackState, Status
from tests.clients.load.sweeps import invented_sweep


@pytest.fixture
def swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Subject]:
    """A stack that is not there and a sweeper that invents; tells what was swept."""
    Plan(model_repository=str(tmp_path)).save(tmp_path / "plan.json")
    parts = [PartState(name, f"{name}:1", Status.READY) for name in ("postgres", "triton", "gateway")]
    done: list[Subject] = []

    @contextmanager
    def running(directory: Path) -> Iterator[StackState]:
        assert directory == tmp_path
        yield StackState(1, parts)

    @contextmanager
    def gateway(postgres_url: str, triton_url: str, repository: Path, folder: Path) -> Iterator[OwnGateway]:
        assert (postgres_url, triton_url, repository) == ("postgres:1", "triton:1", tmp_path)
        yield OwnGateway("gateway:2", "http://gateway:3/metrics")

    def invent(self: TargetSweeper, subject: Subject) -> TargetSweep:
        done.append(subject)
        (target,) = invented_sweep().targets
        return replace(target, target=subject.name, cache_hit_share=0.25 if subject.name == "gateway" else None)

    def subject(name: str) -> Any:
        return lambda where, model, taken, *rest: Subject(name, str(where), model, 1, 8, 2, lambda count: tmp_path)

    monkeypatch.setattr(sweep, "running_stack", running)
    monkeypatch.setattr(sweep, "sampled", lambda directory, state, take: [])
    monkeypatch.setattr(sweep, "own_gateway", gateway)
    monkeypatch.setattr(sweep, "find_perf_analyzer", lambda directory: PerfAnalyzer(directory))
    monkeypatch.setattr(sweep, "triton_subject", subject("triton"))
    monkeypatch.setattr(sweep, "gateway_subject", subject("gateway"))
    monkeypatch.setattr(TargetSweeper, "sweep", invent)
    return done


def run(folder: Path, *arguments: str) -> Result:
    where = ("--state-dir", str(folder), "--report", str(folder / "report"))
    return CliRunner().invoke(main.build_app(), ["sweep", *where, *arguments])


def test_both_targets_are_swept_and_a_page_and_a_file_come_out(swept: list[Subject], tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.exit_code == 0, done.output
    assert [one.name for one in swept] == ["triton", "gateway"]
    assert [one.target for one in read_sweep(tmp_path / "report" / "sweep.json").targets] == ["triton", "gateway"]
    assert (tmp_path / "report" / "sweep.html").read_text().startswith("<!DOCTYPE html>")
    assert "gateway: 25.0% of the pairs came from the cache" in done.stdout
    assert "not in full" in done.stdout


@pytest.mark.parametrize("target", ["triton", "gateway"])
def test_one_target_alone_can_be_chosen(swept: list[Subject], tmp_path: Path, target: str) -> None:
    document = json.loads(run(tmp_path, "--target", target, "--json").stdout)
    assert [one["target"] for one in document["targets"]] == [target] == [one.name for one in swept]
    assert document["machine"]["cores"] >= 1
    assert document["files"][0].endswith("sweep.json")


@pytest.mark.parametrize("rates", ["", "fast", "0.5,", "0", "-1", "nan", "11"])
def test_rates_that_are_none_are_usage_errors(swept: list[Subject], tmp_path: Path, rates: str) -> None:
    done = run(tmp_path, "--rates", rates)
    assert isinstance(done.exception, CommandFailed)
    assert done.exception.message.startswith(f"--rates is {rates!r}")
    assert done.exception.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    "arguments", [("--users", "0"), ("--window-ms", "10"), ("--rows-per-request", "65"), ("--runs", "0")]
)
def test_numbers_out_of_bounds_are_usage_errors(tmp_path: Path, arguments: tuple[str, str]) -> None:
    done = run(tmp_path, *arguments)
    assert done.exit_code == 2
    assert arguments[0] in done.stderr
