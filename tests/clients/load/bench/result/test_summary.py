"""The summary where rounds, costs or percentiles are missing: what is left is right, and nothing is invented."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from clients.load.bench.result import summary
from clients.load.bench.result.summary import Spread
from clients.load.bench.rounds import Record
from clients.load.bench.workload.readings import Cost, Load, Reading
from tests.clients.load.bench.made import made, record_of


def test_the_median_of_an_even_number_of_rounds_lies_between_the_middle_ones() -> None:
    assert Spread((1.0, 10.0, 2.0, 4.0)).value == 3.0
    assert Spread((1.23456, 1.23456)).document()["median"] == 1.235


def test_only_the_mix_and_the_load_that_were_asked_for_count() -> None:
    other = replace(made("triton", 900.0), load=Load("movielens", "closed", 4, 100))
    record = record_of([made("triton", 10.0), other, made("triton", 77.0, "open"), made("triton", 88.0, "zipf_1")])
    assert summary.throughput(record, "mixed")["triton"].rounds == (10.0,)
    assert summary.throughput(record, "movielens")["triton"].rounds == (900.0,)
    assert summary.throughput(record, "unknown") == {}


def test_systems_come_in_one_order_whatever_the_rounds_were() -> None:
    record = record_of([made(name, 1.0) for name in reversed(summary.SYSTEMS)])
    assert tuple(summary.throughput(record, "mixed")) == summary.SYSTEMS


def test_a_system_that_failed_later_is_compared_in_the_rounds_that_it_has() -> None:
    record = record_of([made("gateway", 10.0), made("triton", 20.0)], [made("gateway", 12.0)], [made("gateway", 99.0)])
    rates = summary.throughput(record, "mixed")
    assert summary.ratios(rates)["gateway_vs_triton"].rounds == (0.5,)


def test_a_peer_that_answered_nothing_in_a_round_has_no_ratio() -> None:
    record = record_of([made("gateway", 10.0), made("triton", 20.0)], [made("gateway", 10.0), made("triton", 0.0)])
    found = summary.ratios(summary.throughput(record, "mixed"))
    assert found == {}
    assert summary.medians(found, summary.RATIOS, 4) == dict.fromkeys(summary.RATIOS)


def test_costs_of_rounds_have_a_median_and_their_largest_memory() -> None:
    costs = [Cost(1.0, 300.0, 1000), Cost(6.0, 100.0, 2000), Cost(10.0, 200.0, 5000)]
    record = record_of(*([replace(made("triton", 1.0), cost=one)] for one in costs))
    assert summary.costs(record, "mixed")["triton"] == {
        "cpu_s_per_1000_pairs": 2.0,
        "peak_memory_mb": 300.0,
        "pairs_per_s_per_core_s": 500.0,
    }


@pytest.mark.parametrize("cost", [None, Cost(1.0, 100.0, 0), Cost(0.0, 100.0, 50)], ids=["none", "no pair", "no time"])
def test_a_cost_of_which_nothing_can_be_divided_is_left_out(cost: Cost | None) -> None:
    assert summary.costs(record_of([replace(made("gateway", 1.0), cost=cost)]), "mixed") == {}


def test_percentiles_that_a_tool_gave_are_the_median_of_rounds() -> None:
    given = [
        replace(made("triton", 5.0), latencies_ms=(), percentiles={"p50": p50, "p95": 2 * p50, "p99": 3 * p50})
        for p50 in (10.0, 50.0, 20.0)
    ]
    found: Any = summary.latencies(record_of(*([one] for one in given)), "mixed")["triton_closed_4x100"]
    assert (found["p50"], found["p95"], found["p99"]) == (20.0, 40.0, 60.0)
    assert found["requests"] == 0, "their number is the tool's secret"


def test_the_worst_lateness_and_every_failure_of_all_rounds_are_told() -> None:
    rounds = [replace(made("gateway", 5.0, "open"), lateness_ms=ms, degraded=1, failed=2) for ms in (3.0, 9.5, 4.0)]
    found: Any = summary.latencies(record_of(*([one] for one in rounds)), "mixed")["gateway_open_4x100"]
    assert (found["driver_lateness_ms"], found["degraded"], found["failed"]) == (9.5, 3, 6)
    assert found["offered_requests_per_s"] == 1.5


def test_a_closed_loop_offered_no_rate() -> None:
    found: Any = summary.latencies(record_of([made("gateway", 5.0)]), "mixed")["gateway_closed_4x100"]
    assert found["offered_requests_per_s"] is None


def test_how_late_the_event_loop_was_is_told_of_all_rounds_together() -> None:
    rounds: list[Mapping[float, int]] = [{0.01: 95, 0.02: 97, math.inf: 100}, {0.01: 100, 0.02: 101, math.inf: 101}]
    assert summary.loop_document(Record(timers=rounds[:1])) == {
        "p99_at_most_ms": None,
        "timers": 100,
        "late_by_at_most_ms": {"10": 95, "20": 97},
    }
    found = summary.loop_document(Record(timers=[rounds[1], {0.01: 198, 0.02: 200, math.inf: 200}]))
    assert (found["p99_at_most_ms"], found["timers"]) == (10.0, 301)
    assert summary.loop_document(Record()) == {"p99_at_most_ms": summary.NOT_MEASURED}


def test_warm_without_cold_is_compared_with_nothing() -> None:
    found: Any = summary.warm_document(record_of([made("gateway", 120.0, "zipf_0.8", hit_share=0.4)]), "mixed")
    assert found["zipf_0.8"]["warm_over_cold"] is None
    assert found["all_hit_100_p50_ms"] == summary.NOT_MEASURED
    assert summary.warm_document(Record(), "mixed") == {"all_hit_100_p50_ms": summary.NOT_MEASURED}


def test_every_system_stands_in_a_document_of_no_rounds() -> None:
    assert summary.medians({}, summary.SYSTEMS, 3) == dict.fromkeys(summary.SYSTEMS)


def test_percentiles_of_a_tool_are_not_computed_again() -> None:
    given = Reading("triton", Load("mixed", "closed", 4, 25), 1.0, (1.0, 2.0), percentiles={"p50": 7.0})
    assert given.latency() == {"p50": 7.0}
    assert given.load.key == "closed_4x25"


def alone(system: str, *latencies: float, outside: float | None = None) -> Reading:
    return Reading(system, Load("mixed", "alone", 1, 100), 9.0, latencies, outside_model_share=outside)


def test_one_caller_is_compared_round_by_round() -> None:
    record = record_of(
        [alone("gateway", 10.0, 12.0, 90.0, outside=0.1), alone("infinity_int8", 24.0)],
        [alone("gateway", 30.0, outside=0.2), alone("infinity_int8", 20.0), made("gateway", 5.0)],
        [alone("gateway", 20.0, outside=0.05), alone("infinity_int8", 40.0)],
    )
    found: Any = summary.alone_document(record, "mixed")
    assert found["p50_ms"]["gateway"]["rounds"] == [12.0, 30.0, 20.0]
    assert found["gateway_over"]["infinity_int8"]["rounds"] == [0.5, 1.5, 0.5]
    assert found["outside_model_share"]["median"] == 0.1


def test_without_a_caller_alone_nothing_is_claimed() -> None:
    found: Any = summary.alone_document(record_of([made("gateway", 5.0)]), "mixed")
    assert found == {"p50_ms": {}, "gateway_over": {}, "outside_model_share": summary.NOT_MEASURED}


def test_capacity_is_the_median_of_rounds_by_load() -> None:
    readings = [made("gateway", rate, "capacity") for rate in (5.0, 9.0, 6.0)]
    found = summary.callers_document(record_of(*([one] for one in (*readings, made("gateway", 1.0)))), "mixed")
    assert found == {"4x100": 6.0}
