"""crossrank loadtest: what is asked of perf_analyzer, and how its numbers are shown. The tool is a script here; the
real one is tested in tests/load."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from clients.command_line import main
from clients.command_line.measure import loadtest, request_sample
from clients.command_line.shared.console import CommandFailed
from clients.load.perf_analyzer.binary import PerfAnalyzer
from clients.load.sample.pairs import NothingIndexed, Place
from crossrank_client import CrossrankUnavailable
from crossrank_client.errors import Failure
from deploy.local.plan import Plan
from deploy.local.process.state import PartState, StackState, Status
from gateway.domain.errors import StoreUnavailable
from gateway.domain.values import EncodedPair
from tests.clients.load.rows import random_lists
from tests.conftest import StartTriton
from tests.paths import ROW_SUM_REPOSITORY

HEADER = (
    "Concurrency,Inferences/Second,Network+Server Send/Recv,Server Queue,Server Compute Input,Server Compute Infer,"
    "Server Compute Output,p50 latency,p95 latency,p99 latency"
)
TOOL = """#!/bin/sh
echo "$@" >> "$(dirname "$0")/called"
for argument in "$@"; do case "$argument" in -f*) report="${argument#-f}";; esac; done
printf '%s\\n' "{header}" "1,800,100,2000,0,9000,0,12000,20000,30000" > "$report"
"""


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A perf_analyzer that writes down what it was asked and reports 800 rows a second."""
    executable = tmp_path / "perf_analyzer"
    executable.write_text(TOOL.replace("{header}", HEADER))
    executable.chmod(0o755)
    monkeypatch.setattr(loadtest, "find_perf_analyzer", lambda directory: PerfAnalyzer(executable))
    return tmp_path / "called"


@pytest.fixture
def state(tmp_path: Path, start_triton: StartTriton, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory whose stack has a real Triton with the small test model."""
    directory = tmp_path / "state"
    directory.mkdir()
    Plan(model_repository=str(ROW_SUM_REPOSITORY)).save(directory / "plan.json")
    address = start_triton(ROW_SUM_REPOSITORY)
    parts = [PartState(name, address, Status.READY) for name in ("postgres", "triton", "gateway")]

    @contextmanager
    def running(asked: Path) -> Iterator[StackState]:
        assert asked == directory
        yield StackState(1, parts)

    monkeypatch.setattr(loadtest, "running_stack", running)
    return directory


@pytest.fixture
def pairs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The sample; tells what was asked for."""
    asked: dict[str, Any] = {}

    async def sample(place: Place, *, users: int, candidates: int) -> list[list[EncodedPair]]:
        asked.update(place=place, users=users, candidates=candidates)
        return random_lists(seed=3)

    monkeypatch.setattr(loadtest, "sample_pairs", sample)
    return asked


def run(state: Path, *arguments: str) -> Result:
    return CliRunner().invoke(
        main.build_app(), ["loadtest", "--model", "row_sum", "--state-dir", str(state), *arguments]
    )


def test_the_tool_is_asked_for_the_load_that_was_chosen(tool: Path, state: Path, pairs: dict[str, Any]) -> None:
    done = run(
        state,
        *("--concurrency", "2:6:2", "--window-ms", "700", "--stability", "9", "--rows-per-request", "4"),
        *("--length-classes", "2", "--users", "5", "--candidates", "50"),
    )
    assert done.exit_code == 0, done.output
    first, second = tool.read_text().splitlines()
    for wanted in ("-mrow_sum", "-igrpc", "-b4", "--concurrency-range=2:6:2", "--measurement-interval=700"):
        assert wanted in first.split()
    assert "--stability-percentage=9" in first
    assert first != second, "each class has an input file of its own"
    assert (pairs["users"], pairs["candidates"]) == (5, 50)
    assert pairs["place"].model_folder == ROW_SUM_REPOSITORY / "cross_encoder"


def test_a_rate_replaces_the_concurrency(tool: Path, state: Path, pairs: dict[str, Any]) -> None:
    assert run(state, "--rate", "10:20:10").exit_code == 0
    assert "--request-rate-range=10:20:10" in tool.read_text()
    assert "--concurrency-range" not in tool.read_text()


def test_the_document_holds_the_classes_and_their_total(tool: Path, state: Path, pairs: dict[str, Any]) -> None:
    document = json.loads(run(state, "--json", "--length-classes", "3").stdout)
    assert document["model"] == "row_sum"
    assert len(document["classes"]) == 3
    assert document["total"] == [{"load": "concurrency 1", "rows_per_s": 800.0, "requests_per_s": 100.0}]
    assert document["classes"][0]["measurements"][0]["p99_ms"] == 30.0
    assert document["classes"][0]["stable"] is True


def test_people_get_tables_and_hear_of_every_class(tool: Path, state: Path, pairs: dict[str, Any]) -> None:
    done = run(state, "--length-classes", "2")
    assert "length class 1:" in done.stderr
    assert "length class 2:" in done.stderr
    assert "all lengths, by their share of the rows" in done.stdout
    assert "800.0" in done.stdout


def test_nothing_indexed_means_movielens_first(tool: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    story: list[str] = []

    async def sample(place: Place, *, users: int, candidates: int) -> list[list[EncodedPair]]:
        story.append("sample")
        if "index" not in story:
            raise NothingIndexed("the catalogue is empty")
        return random_lists(seed=3)

    async def index(*_: object) -> bool:
        story.append("index")
        return True

    def read(directory: Path, copy: None) -> None:
        assert directory == state
        story.append("read")

    monkeypatch.setattr(loadtest, "sample_pairs", sample)
    monkeypatch.setattr(request_sample, "read_movielens", read)
    monkeypatch.setattr(request_sample, "ensure_indexed", index)
    monkeypatch.setattr("clients.command_line.catalog.index.PlaceChoice.settings", lambda self: None)
    done = run(state)
    assert done.exit_code == 0, done.output
    assert story == ["sample", "read", "index", "sample"]
    assert "nothing is indexed yet" in done.stderr


AWAY = [
    StoreUnavailable("PostgreSQL failed: gone"),
    CrossrankUnavailable(Failure(grpc.StatusCode.UNAVAILABLE, "no gateway")),
]


@pytest.mark.parametrize("fault", AWAY, ids=["store", "gateway"])
def test_a_stack_that_fails_is_told_without_a_traceback(
    tool: Path, state: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    async def sample(place: Place, *, users: int, candidates: int) -> list[list[EncodedPair]]:
        raise fault

    monkeypatch.setattr(loadtest, "sample_pairs", sample)
    done = run(state)
    assert isinstance(done.exception, CommandFailed)
    assert done.exception.message.startswith("no pairs to send: ")
    assert done.exception.remedy == "crossrank doctor"


@pytest.mark.parametrize(
    "arguments",
    [("--users", "0"), ("--rows-per-request", "65"), ("--length-classes", "0"), ("--window-ms", "10")],
    ids=" ".join,
)
def test_numbers_out_of_bounds_are_usage_errors(state: Path, arguments: tuple[str, str]) -> None:
    done = run(state, *arguments)
    assert done.exit_code == 2
    assert arguments[0] in done.stderr
