"""crossrank capacity: times by hand, from a benchmark or from a sweep; tables for people, one document for programs."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from clients.command_line import main
from clients.command_line.shared.console import CommandFailed, ExitCode
from clients.load.capacity import capacity
from clients.load.capacity.capacity import NotReachable
from clients.load.sweep.report import write_sweep
from tests.clients.load.sweeps import TRUTH, invented_sweep
from training.release.repository.triton_config import ServingOptions


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer lists per simulation."""
    plan = capacity.plan
    monkeypatch.setattr(capacity, "plan", lambda replica, machine, demand: plan(replica, machine, demand, lists=2000))


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    write_sweep(tmp_path / "sweep.json", invented_sweep())
    return tmp_path / "sweep.json"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main.build_app(), ["capacity", *arguments])


def document(*arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


BY_HAND = ("--pairs-per-s", "400", "--cores", "2", "--candidates", "100", "--p99-ms", "2000")


def test_times_by_hand_give_rates_prices_and_replicas() -> None:
    found = document(*BY_HAND, "--qps", "20", "--core-hour", "0.05")
    assert found["rates"]["pairs_per_s"] == pytest.approx(400)
    assert found["rates"]["pairs_per_s_per_core"] == pytest.approx(200)
    assert found["rates"]["price_per_million_pairs"] == pytest.approx(0.1 / (400 * 3600) * 1e6)
    assert found["plan"]["replicas"] >= 6, "2,000 pairs/s"
    assert found["plan"]["p99_ms"] <= 2000
    assert (found["sweep"], found["within_tolerance"]) == ([], None)


def test_a_replica_is_what_export_configures() -> None:
    on_cores = document(*BY_HAND, "--cores", "8")["replica"]
    assert (on_cores["instances"], on_cores["workers"]) == (ServingOptions().instances, 8)
    assert on_cores["batch_pairs"] == ServingOptions().max_batch_pairs
    on_gpus = document(*BY_HAND, "--gpus", "4")["replica"]
    assert (on_gpus["instances"], on_gpus["workers"]) == (4 * ServingOptions.for_gpu().instances, 1)
    assert on_gpus["batch_pairs"] == on_gpus["micro_batch_pairs"] == ServingOptions.for_gpu().max_batch_pairs


def test_a_cache_saves_replicas() -> None:
    assert (
        document(*BY_HAND, "--qps", "20", "--cache-hits", "0.8")["plan"]["replicas"]
        < document(*BY_HAND, "--qps", "20")["plan"]["replicas"]
    )


def test_a_benchmarks_file_gives_throughput_and_the_latency_of_a_list_alone(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    sections = {"four": {"pairs_per_s": 400.0}, "one": {"pairs_per_s": 350.0, "latency": {"p50": 280.0, "p99": 300.0}}}
    file.write_text(json.dumps({"ours": sections}))
    found = document(
        *("--times", str(file), "--section", "ours/four", "--alone-section", "ours/one"),
        *("--cores", "2", "--qps", "1", "--p99-ms", "5000"),
    )
    assert found["rates"]["pairs_per_s"] == pytest.approx(400)
    assert found["replica"]["variation"] > 0
    assert found["plan"]["p50_ms"] > 280


def test_a_sweep_gives_its_own_times_and_is_compared_level_by_level(sweep: Path) -> None:
    found = document("--sweep", str(sweep), "--target", "triton", "--cores", "2", "--chunk-pairs", "8", "--qps", "1")
    assert found["rates"]["pairs_per_s"] == pytest.approx(TRUTH.pairs_per_s())
    assert len(found["sweep"]) == 4
    assert found["within_tolerance"] is True
    assert all(abs(level["p99_ms"]["error"]) <= 0.15 for level in found["sweep"])


def test_people_get_the_prediction_beside_the_measurement(sweep: Path) -> None:
    done = run("--sweep", str(sweep), "--target", "triton", "--cores", "2", "--chunk-pairs", "8", "--qps", "1")
    assert done.exit_code == 0, done.output
    assert "predicted / measured" in done.stdout
    assert "4 of 4 levels are predicted within 15%" in done.stdout
    assert "no price given" in done.stdout


def test_times_that_are_wrong_are_told_by_the_comparison(sweep: Path) -> None:
    """The comparison uses the sweep's own times, whatever the plan is made of; with a wrong shape it must fail."""
    found = document("--sweep", str(sweep), "--target", "triton", "--cores", "2", "--gateway-ms", "200", "--qps", "0.1")
    assert found["within_tolerance"] is False


def test_an_unreachable_target_is_told_with_the_reason() -> None:
    done = run(*BY_HAND[:-1], "10")
    assert isinstance(done.exception, NotReachable)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "no measured times are given"),
        (("--pairs-per-s", "inf"), "--pairs-per-s is inf"),
        (("--pairs-per-s", "5", "--qps", "inf"), "--qps is inf"),
    ],
)
def test_what_cannot_be_computed_with_is_a_usage_error(arguments: tuple[str, ...], words: str) -> None:
    done = run(*arguments)
    assert isinstance(done.exception, CommandFailed)
    assert words in done.exception.message
    assert done.exception.exit_code is ExitCode.USAGE


def test_two_sources_of_times_are_one_too_many(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    done = run("--times", str(tmp_path / "a.json"), "--pairs-per-s", "5")
    assert isinstance(done.exception, CommandFailed)
    assert "both given" in done.exception.message


def test_an_unknown_target_of_a_sweep_is_refused_with_those_there_are(sweep: Path) -> None:
    done = run("--sweep", str(sweep), "--target", "other")
    assert isinstance(done.exception, CommandFailed)
    assert done.exception.remedy == "--target: one of triton"


@pytest.mark.parametrize(
    "arguments", [("--qps", "0"), ("--cache-hits", "1.5"), ("--candidates", "0"), ("--chunk-pairs", "65")], ids=" ".join
)
def test_numbers_out_of_bounds_are_usage_errors(arguments: tuple[str, str]) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert arguments[0] in done.stderr
