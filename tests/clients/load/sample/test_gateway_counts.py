"""What the gateway counted: read from the metrics that it really has."""

import asyncio
import math
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from clients.load.sample.gateway_counts import GatewayCounts, parse_counts, read_counts
from deploy.local.errors import LocalStackError
from gateway.rpc.outcomes import counted
from gateway.telemetry.metrics import Metrics
from tests.gateway.rpc.fakes import scored


def text(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_the_share_of_the_cache_is_that_of_pairs_scored_elsewhere() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.list_answered(replace(scored(["a", "b", "c", "d"], "r"), cache_hits=1))
    metrics.list_answered(replace(scored(["a", "b", "c", "d"], "r"), coalesced=1))
    assert parse_counts(text(metrics)).cache_hit_share == pytest.approx(2 / 8)


def test_without_a_pair_there_is_no_share() -> None:
    assert parse_counts(text(Metrics(CollectorRegistry()))).cache_hit_share is None


async def test_answers_are_those_of_the_facade_by_status() -> None:
    metrics = Metrics(CollectorRegistry())
    before = parse_counts(text(metrics))
    with counted(metrics, "/inference.GRPCInferenceService/ModelInfer"):
        await asyncio.sleep(0)
    with counted(metrics, "/crossrank.v1.RankingService/Rerank"):
        pass
    now = parse_counts(text(metrics))
    assert now.answers_since(before) == {"CANCELLED": 1}
    assert now.answers_since(now) == {}


def test_timers_of_the_event_loop_are_counted_from_one_reading_to_the_next() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.loop_lag_seconds.observe(0.3)
    before = parse_counts(text(metrics))
    for late_s in (0.0004, 0.015, 0.015, 30.0):
        metrics.loop_lag_seconds.observe(late_s)
    found = parse_counts(text(metrics)).timers_since(before)
    assert (found[0.01], found[0.02], found[2.0], found[math.inf]) == (1, 3, 3, 4)


def test_a_gateway_that_is_away_is_told_with_its_address() -> None:
    with pytest.raises(LocalStackError, match=r"metrics at 127\.0\.0\.1:1 cannot be read"):
        read_counts("127.0.0.1:1")


def test_answers_are_counted_from_the_earlier_count_on() -> None:
    earlier, now = GatewayCounts({}, {"OK": 5.0}), GatewayCounts({}, {"OK": 5.0, "UNAVAILABLE": 2.0})
    assert now.answers_since(earlier) == {"UNAVAILABLE": 2}
    assert parse_counts("") == GatewayCounts({}, {})
    assert GatewayCounts({"cache": 4.0, "shared": 1.0}, {}).cache_hit_share == 1.0
