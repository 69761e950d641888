"""crossrank capacity: from a sweep's file to a table for people and one document for programs."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from clients.command_line import main
from clients.command_line.shared.console import CommandFailed
from clients.load.sweep.capacity import NotMeasured
from clients.load.sweep.report import SweepUnreadable, write_sweep
from tests.clients.load.sweeps import invented_sweep


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    write_sweep(tmp_path / "sweep.json", invented_sweep())
    return tmp_path / "sweep.json"


def run(sweep: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main.build_app(), ["capacity", "--sweep", str(sweep), *arguments])


def on_triton(sweep: Path, *arguments: str) -> Result:
    return run(sweep, "--target", "triton", *arguments)


def test_programs_get_the_plan_with_what_it_rests_on(sweep: Path) -> None:
    done = on_triton(sweep, "--qps", "100", "--p99-ms", "100", "--core-hour", "0.05", "--json")
    assert done.exit_code == 0, done.output
    found: Any = json.loads(done.stdout)
    assert found["plan"]["replicas"] == 4
    assert found["plan"]["highest_per_s"] == pytest.approx(25)
    assert found["plan"]["p99_ms"] == [90, 100, 120]
    assert found["plan"]["price_per_hour"] == pytest.approx(0.4)
    assert (found["machine"], found["pairs_per_request"]) == ({"cores": 2}, 8)
    assert (found["runs"], found["fewest_answers"]) == (3, 90)
    assert "independent" in found["assumption"]
    assert [(one["offered_per_s"], one["error"]) for one in found["left_out"]] == [(20, 0.0833), (30, 0.3)]


def test_people_get_the_same_with_the_machine_the_runs_and_the_error_of_interpolation(sweep: Path) -> None:
    done = on_triton(sweep, "--qps", "80", "--p99-ms", "100")
    assert done.exit_code == 0, done.output
    text = " ".join(done.stdout.split())
    assert "25.00 (interpolated)" in text
    assert "20.00 (headroom 20%)" in text
    assert "60 ms [50, 80]" in text
    assert "no price given" in text
    assert "+30%" in text
    assert "unknown, 2 cores, 3 run(s) of each rate, each of at least 90 answers; replicas are assumed" in text
    assert "longer --window-ms" in done.stderr


def test_a_rate_that_the_p99_does_not_limit_is_called_the_highest_that_was_sustained(sweep: Path) -> None:
    assert "40.00 (the highest that was sustained)" in on_triton(sweep, "--p99-ms", "5000").stdout


def test_a_p99_below_what_was_measured_is_refused(sweep: Path) -> None:
    assert isinstance(on_triton(sweep, "--p99-ms", "10").exception, NotMeasured)


def test_without_a_sweep_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    done = run(tmp_path / "none.json")
    assert isinstance(done.exception, SweepUnreadable)
    assert "crossrank sweep" in done.exception.remedy


def test_an_unknown_target_of_a_sweep_is_refused_with_those_there_are(sweep: Path) -> None:
    done = run(sweep, "--target", "other")
    assert isinstance(done.exception, CommandFailed)
    assert done.exception.remedy == "--target: one of triton"


@pytest.mark.parametrize(
    ("option", "value"),
    [("--qps", "0"), ("--qps", "inf"), ("--p99-ms", "0"), ("--p99-ms", "nan"), ("--core-hour", "-1")],
)
def test_numbers_out_of_bounds_are_usage_errors(sweep: Path, option: str, value: str) -> None:
    done = run(sweep, option, value)
    assert done.exit_code == 2
    assert option in done.stderr
