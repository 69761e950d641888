"""The order of a sweep: closed loops, then rates that follow from them, up to the first that is refused. The tool is a
script here; the real one drives the real façade in test_facade_load.py."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clients.load.perf_analyzer.binary import PerfAnalyzer
from clients.load.sample.gateway_counts import GatewayCounts
from clients.load.sweep.sweep import Steps, Subject, TargetSweeper
from deploy.local.errors import StartFailed

pytestmark = pytest.mark.whole  # starts programs, or commands that import what is slow

HEADER = (
    "Inferences/Second,Network+Server Send/Recv,Server Queue,Server Compute Input,Server Compute Infer,"
    "Server Compute Output,p50 latency,p95 latency,p99 latency"
)
TOOL = """#!/bin/sh
here="$(dirname "$0")"
echo "$@" >> "$here/called"
for argument in "$@"; do case "$argument" in
    -f*) report="${argument#-f}" ;;
    --concurrency-range=1:*) line="Concurrency,{header}
1,10,1000,0,0,90000,0,100000,110000,120000" ;;
    --concurrency-range=*) line="Concurrency,{header}
4,20,1000,0,0,90000,0,200000,210000,220000" ;;
    --request-rate-range=*) line="Request Rate,{header}
9,9,1000,0,0,90000,0,100000,110000,120000" ;;
esac; done
{extra}
echo "$line" > "$report"
cat > "$(dirname "$report")/profile.json" <<'END'
{"experiments": [{"requests": [{"timestamp": 1500000000}, {"timestamp": 2000000000}, {"timestamp": 3000000000}],
  "window_boundaries": [1000000000, 2000000000, 4000000000]}]}
END
"""
REFUSE_30 = 'case "$*" in *=30.0:*) echo "Thread [0] had error: full"; exit 99 ;; esac'
REFUSE_30_LATER = REFUSE_30.replace("echo", '[ "$(grep -c =30.0: "$here/called")" = 2 ] && echo').replace(
    "; exit", " && exit"
)
EMPTY_AT_1000 = 'case "$*" in *interval=1000*) echo "No valid requests recorded within time interval"; exit 3 ;; esac'


@pytest.fixture
def tool(tmp_path: Path) -> Callable[[str], PerfAnalyzer]:
    def write(extra: str = "") -> PerfAnalyzer:
        executable = tmp_path / "perf_analyzer"
        executable.write_text(TOOL.replace("{header}", HEADER).replace("{extra}", extra))
        executable.chmod(0o755)
        return PerfAnalyzer(executable)

    return write


class Service:
    """A subject whose requests are 20 pairs; it counts as if every call were answered once."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[int] = []
        self.folder = folder
        self.subject = Subject("gateway", "127.0.0.1:1", "m", 1, 20, 4, self.inputs, self.counts)

    def inputs(self, count: int) -> Path:
        self.asked.append(count)
        return self.folder / "lists.json"

    def counts(self) -> GatewayCounts:
        return GatewayCounts({"model": 90.0, "cache": 10.0}, {"OK": float(len(self.asked))})


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def sweeper(analyzer: PerfAnalyzer, folder: Path, steps: Steps, told: list[str]) -> TargetSweeper:
    return TargetSweeper(analyzer, steps, folder, told.append)


def test_rates_are_shares_of_what_the_closed_loop_got(
    tool: Callable[[str], PerfAnalyzer], service: Service, tmp_path: Path
) -> None:
    told: list[str] = []
    found = sweeper(tool(""), tmp_path, Steps((0.5, 1.5), 1, 1000), told).sweep(service.subject)
    # What was really sent stands in the profile: three requests in three seconds.
    assert [level.offered_per_s for level in found.levels] == [1.0, 1.0]
    assert [level.rate for level in found.levels] == [10.0, 30.0]
    assert [run.seconds for level in found.levels for run in level.runs] == [3.0, 3.0]
    assert (found.alone.p50_ms, found.alone.infer_ms, found.alone.rows_per_s) == (100.0, 90.0, 200.0)
    assert (found.full.requests_per_s, found.full.rows_per_s) == (20.0, 400.0)
    assert found.cache_hit_share == pytest.approx(0.1)
    assert len(told) == 4
    calls = (tmp_path / "called").read_text().splitlines()
    assert "--concurrency-range=1:1:1" in calls[0]
    assert "--concurrency-range=4:4:1" in calls[1]
    assert "--request-rate-range=10.0:10.0:1 --request-distribution=poisson" in calls[2]


def test_every_run_has_inputs_for_all_that_it_may_send(
    tool: Callable[[str], PerfAnalyzer], service: Service, tmp_path: Path
) -> None:
    sweeper(tool(""), tmp_path, Steps((1.0,), 1, 1000), []).sweep(service.subject)
    assert all(asked > 3 * rate for asked, rate in zip(service.asked, (10, 40, 20), strict=True))


def test_the_first_refused_rate_ends_the_sweep_and_keeps_its_words(
    tool: Callable[[str], PerfAnalyzer], service: Service, tmp_path: Path
) -> None:
    found = sweeper(tool(REFUSE_30), tmp_path, Steps((0.5, 1.5, 3.0), 1, 1000), []).sweep(service.subject)
    first, last = found.levels
    assert (first.failure, len(first.runs)) == ("", 1)
    assert "had error: full" in last.failure
    assert last.answers == {"OK": 1}
    assert (last.offered_per_s, last.runs) == (30.0, [])


def test_runs_of_one_rate_lie_a_whole_round_apart(
    tool: Callable[[str], PerfAnalyzer], service: Service, tmp_path: Path
) -> None:
    told: list[str] = []
    found = sweeper(tool(""), tmp_path, Steps((0.5, 1.5), 3, 1000), told).sweep(service.subject)
    assert [len(level.runs) for level in found.levels] == [3, 3]
    assert told[2:] == ["gateway: 10.0 requests/s", "gateway: 30.0 requests/s"] * 3


def test_a_rate_that_was_refused_once_is_not_asked_for_again_nor_is_a_higher_one(
    tool: Callable[[str], PerfAnalyzer], service: Service, tmp_path: Path
) -> None:
    told: list[str] = []
    found = sweeper(tool(REFUSE_30), tmp_path, Steps((0.5, 1.5, 3.0), 2, 1000), told).sweep(service.subject)
    assert [(level.rate, len(level.runs)) for level in found.levels] == [(10.0, 2), (30.0, 0)]
    assert told[2:] == ["gateway: 10.0 requests/s", "gateway: 30.0 requests/s", "gateway: 10.0 requests/s"]


def test_a_rate_that_is_refused_in_a_later_run_keeps_its_runs_and_ends_the_sweep(
    tool: Callable[[str], PerfAnalyzer], service: Service, tmp_path: Path
) -> None:
    found = sweeper(tool(REFUSE_30_LATER), tmp_path, Steps((0.5, 1.5, 3.0), 2, 1000), []).sweep(service.subject)
    assert [(level.rate, len(level.runs), bool(level.failure)) for level in found.levels] == [
        (10.0, 2, False),
        (30.0, 1, True),
    ]


def test_a_window_without_an_answer_is_made_longer(
    tool: Callable[[str], PerfAnalyzer], service: Service, tmp_path: Path
) -> None:
    sweeper(tool(EMPTY_AT_1000), tmp_path, Steps((0.5,), 1, 1000), []).sweep(service.subject)
    calls = (tmp_path / "called").read_text().splitlines()
    assert [call.partition("interval=")[2].split()[0] for call in calls] == ["1000", "2000"] * 3


def test_a_target_that_answers_nothing_at_all_is_a_failure(
    tool: Callable[[str], PerfAnalyzer], service: Service, tmp_path: Path
) -> None:
    with pytest.raises(StartFailed, match="away"):
        sweeper(tool("echo away; exit 1"), tmp_path, Steps(), []).sweep(service.subject)
