"""Percentiles are exact, and a reading tells what failed and what was late."""

import random

import pytest

from clients.load.bench.workload.load_loops import Answer, Done
from clients.load.bench.workload.readings import Load, percentiles, reading

LOAD = Load("mixed", "closed", 4, 100)


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(one) for one in range(1, 101)]
    random.Random(3).shuffle(values)
    assert percentiles(values) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20, 101])
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(count: int) -> None:
    draw = random.Random(count)
    values = [draw.expovariate(1.0) for _ in range(count)]
    for name, found in percentiles(values).items():
        share = float(name[1:]) / 100
        at_most = sum(one <= found for one in values) / count
        below = sum(one < found for one in values) / count
        assert below < share <= at_most, f"{count} values, {name}"


def test_one_slow_request_of_a_hundred_is_not_the_99th_percentile_but_two_are() -> None:
    assert percentiles([1.0] * 99 + [50.0])["p99"] == 1.0
    assert percentiles([1.0] * 98 + [50.0] * 2)["p99"] == 50.0


def test_no_value_has_no_percentile() -> None:
    assert percentiles([]) == {}


def test_failed_requests_are_counted_and_have_no_latency_and_no_pairs() -> None:
    done = [
        Done(0, 0, 1, Answer(100)),
        Done(0, 0, 2, Answer(0, failed=True)),
        Done(1, 1, 2, Answer(100, degraded=True)),
    ]
    found = reading("gateway", LOAD, done, 2.0)
    assert (found.failed, found.degraded) == (1, 1)
    assert found.pairs_per_s == 100.0
    assert found.latencies_ms == (1000.0, 1000.0)


def test_the_share_of_hits_is_of_pairs() -> None:
    done = [Done(0, 0, 1, Answer(100, cache_hits=50)), Done(0, 0, 1, Answer(300, cache_hits=50))]
    assert reading("gateway", LOAD, done, 1.0).hit_share == 0.25


def test_the_lateness_of_the_driver_is_told() -> None:
    done = [Done(0.0, 0.25, 1.0, Answer(1)), Done(0.5, 0.5, 1.0, Answer(1))]
    assert reading("gateway", LOAD, done, 1.0).lateness_ms == 250.0


def test_nothing_done_is_a_rate_of_zero() -> None:
    found = reading("gateway", LOAD, [], 1.0)
    assert found.pairs_per_s == found.hit_share == 0.0
    assert found.latency() == {}


def test_a_document_keeps_the_raw_latencies() -> None:
    document = reading("gateway", LOAD, [Done(0, 0, 0.0123456, Answer(1))], 1.0).document()
    assert document["latencies_ms"] == [12.346]
    assert document["p50"] == pytest.approx(12.3456)


def test_the_share_outside_the_model_is_the_median_of_requests_that_tell_it() -> None:
    waits = [0.9, 0.5, 1.6]
    done = [Done(0, 0, ended, Answer(100, model_s=wait)) for ended, wait in zip((1.0, 1.0, 2.0), waits, strict=True)]
    assert reading("gateway", LOAD, done, 2.0).outside_model_share == pytest.approx(0.2)
    assert reading("gateway", LOAD, [Done(0, 0, 1, Answer(100))], 2.0).outside_model_share is None
