"""Edges of the load test's arithmetic: no window, no pair, no replica enough, and what a refusal proposes."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clients.load.capacity.calibration import Alone, calibrated
from clients.load.capacity.capacity import Demand, Machine, NotReachable, plan, rates
from clients.load.capacity.replica import Replica
from clients.load.capacity.service_times import ServiceTimes, TimesUnreadable, read_times
from clients.load.capacity.simulation import Load as Lists
from clients.load.capacity.simulation import Outcome, simulate
from clients.load.perf_analyzer.binary import ANY_PERCENT, Load, PerfAnalyzer, Run, Target
from clients.load.perf_analyzer.list_inputs import ListRequest, unsent
from clients.load.sample.gateway_counts import GatewayCounts, parse_counts
from clients.load.sweep.prediction import Comparison, Pair
from deploy.local.errors import StartFailed

UNSTABLE_AT_FIRST = f"""#!/bin/sh
echo "$@" >> called
case "$*" in *percentage={ANY_PERCENT}*) echo ok > report.csv ;;
*) echo "Failed to obtain stable measurement within 8 windows"; exit 1 ;; esac
"""


def script(folder: Path, text: str) -> PerfAnalyzer:
    executable = folder / "perf_analyzer"
    executable.write_text(text)
    executable.chmod(0o755)
    return PerfAnalyzer(executable)


@pytest.mark.whole
def test_windows_that_scatter_are_measured_once_more_without_that_condition(tmp_path: Path) -> None:
    tool = script(tmp_path, UNSTABLE_AT_FIRST)
    run = tool.run(Target("127.0.0.1:1", "m", tmp_path / "in.json", 8), Load(concurrency="2"), tmp_path)
    assert run == Run(tmp_path / "report.csv", stable=False)
    assert run.profile == tmp_path / "profile.json"
    first, second = (tmp_path / "called").read_text().splitlines()
    assert first.replace("percentage=25", f"percentage={ANY_PERCENT}") == second


@pytest.mark.whole
def test_another_failure_is_not_tried_again_and_leaves_no_old_report(tmp_path: Path) -> None:
    (tmp_path / "report.csv").write_text("old")
    tool = script(tmp_path, "#!/bin/sh\necho once >> called\necho 'no such model'; exit 1\n")
    with pytest.raises(StartFailed, match="no such model"):
        tool.run(Target("127.0.0.1:1", "m", tmp_path / "in.json", 8), Load(), tmp_path)
    assert (tmp_path / "called").read_text() == "once\n"
    assert not (tmp_path / "report.csv").exists()


@pytest.mark.parametrize("levels", ["4:1:1", "8:2"])
def test_levels_in_the_wrong_order_still_leave_the_tool_time_to_say_so(levels: str) -> None:
    assert Load(concurrency=levels).longest_s() >= Load(concurrency="1").longest_s()


def test_a_target_just_below_the_p99_of_a_list_alone_is_refused_and_one_above_it_is_not() -> None:
    replica = Replica(pair_s=0.001, network_s=0.001, variation=0.5)
    lists = 500
    alone = simulate(replica, Lists(1e-6, 8), lists, 1).after(0.1).percentile_ms(99)
    found = plan(replica, Machine(2), Demand(1.0, 8, 0.0, alone * 1.5), lists)
    assert found.replicas == 1
    with pytest.raises(NotReachable, match="no number of replicas reaches"):
        plan(replica, Machine(2), Demand(1.0, 8, 0.0, alone * 0.99), lists)


def test_the_price_of_a_replica_is_that_of_its_cores_and_gpus() -> None:
    assert Machine(8, 2, core_hour=0.05, gpu_hour=3.0).hour == pytest.approx(6.4)
    found = rates(Replica(pair_s=1e-3), Machine(1, core_hour=0.36))
    assert found.price_per_million_pairs == pytest.approx(0.1), "a million pairs take 1,000 s"


def test_a_latency_below_the_gateways_own_time_leaves_no_negative_network() -> None:
    shape = Replica(pair_s=1.0, workers=2, gateway_s=0.05)
    found = calibrated(shape, 400.0, Alone(20, p50_ms=60.0, p99_ms=60.0, model_ms=59.0))
    assert found.network_s == 0.0
    assert found.variation == pytest.approx(0.0, abs=1e-3)


def test_an_outcome_is_cut_at_both_ends() -> None:
    outcome = Outcome(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.5, 5.0, 0.5, 1.0]), 0.7)
    assert outcome.within(4.0).arrivals_s.tolist() == [0.0, 2.0, 3.0], "answered by then, the end included"
    assert outcome.after(0.5).latencies_s.tolist() == [0.5, 1.0]
    assert outcome.percentile_ms(50) == 750.0
    assert outcome.within(4.0).busy_share == 0.7


def test_an_error_is_relative_to_the_measurement_and_all_three_numbers_must_hold() -> None:
    assert Pair(90.0, 100.0).error == pytest.approx(-0.1)
    good, bad = Pair(100.0, 100.0), Pair(130.0, 100.0)
    level = Comparison("triton", 5.0, 100, good, good, good)
    assert level.good
    all_worse = {
        "p50_ms": replace(level, p50_ms=bad),
        "p99_ms": replace(level, p99_ms=bad),
        "requests_per_s": replace(level, requests_per_s=bad),
    }
    for name, worse in all_worse.items():
        assert not worse.good, name
        assert json.loads(json.dumps(worse.document()))[name] == {
            **{"predicted": 130.0, "measured": 100.0, "error": 0.3, "within": False}
        }


def test_answers_are_counted_from_the_earlier_count_on() -> None:
    earlier, now = GatewayCounts({}, {"OK": 5.0}), GatewayCounts({}, {"OK": 5.0, "UNAVAILABLE": 2.0})
    assert now.answers_since(earlier) == {"UNAVAILABLE": 2}
    assert parse_counts("") == GatewayCounts({}, {})
    assert GatewayCounts({"cache": 4.0, "shared": 1.0}, {}).cache_hit_share == 1.0


def test_requests_are_given_once_when_fewer_than_asked_for_exist() -> None:
    requests = [ListRequest([], [{"title": str(number)}]) for number in range(3)]
    assert unsent(requests, 2, 10) == [requests[2], requests[0], requests[1]]
    assert unsent([], 0, 5) == []


def test_many_sections_are_named_up_to_a_dozen_and_the_rest_counted(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    file.write_text(json.dumps({f"s{number:02}": {"pairs_per_s": 1.0} for number in range(15)}))
    with pytest.raises(TimesUnreadable) as refused:
        read_times(file, "other")
    assert refused.value.remedy.endswith("s10, s11 and 3 more")
    file.write_text("{}")
    with pytest.raises(TimesUnreadable) as empty:
        read_times(file, "")
    assert empty.value.remedy == "give --pairs-per-s instead of a file"


def test_a_latency_that_is_no_number_is_refused_and_one_that_is_missing_is_none(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    file.write_text(json.dumps({"pairs_per_s": 5, "latency": {"p50": -1}}))
    with pytest.raises(TimesUnreadable, match=r"p50 of .* is -1; a finite number above 0"):
        read_times(file, "")
    file.write_text(json.dumps({"pairs_per_s": 5, "latency": "slow"}))
    assert read_times(file, "") == ServiceTimes(5.0)


def test_a_list_of_no_pair_becomes_no_request_and_an_empty_execution_costs_only_itself() -> None:
    replica = Replica(pair_s=0.004, workers=2, execution_s=0.002)
    assert replica.chunks(0) == []
    assert replica.rounds[0] == 0
    assert replica.execution_time_s(0) == 0.002
    assert list(replica.rounds) == sorted(replica.rounds), "more rows never take less"


def test_lists_that_ask_for_nothing_take_the_network_and_the_gateway_only() -> None:
    replica = Replica(pair_s=0.004, gateway_s=0.003, network_s=0.002)
    outcome = simulate(replica, Lists(1e-3, 0), 50, seed=1)
    assert outcome.latencies_s.tolist() == pytest.approx([0.005] * 50)
    assert outcome.busy_share == 0.0
