"""What is counted for a list, and that nobody outside can make the number of series grow."""

from dataclasses import replace

import grpc
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from gateway.domain.comparison import Agreement, Comparison, Outcome, Shift
from gateway.domain.order import Orderer
from gateway.domain.values import Degradation, ModelIdentity, RankedList, Reason, ScoredItem, Usage
from gateway.ports import CacheObserver, Observer, TrialObserver
from gateway.rpc.outcomes import counted
from gateway.telemetry.metrics import Metrics

ITEMS = (
    ScoredItem("a", 1, 3, 1.0, 0.7, truncated=True),
    ScoredItem("b", 2, 2, 0.5, 0.6),
    ScoredItem("c", 3, 1, None, None, score_invalid=True),
)
RANKED = RankedList(
    ITEMS,
    ModelIdentity("m", "1", "f"),
    "r",
    degraded=(Degradation(Reason.DEADLINE, "late"), Degradation(Reason.SCORE_INVALID, "1 item")),
    candidate_count=30,
    scored_count=20,
    cache_hits=5,
    coalesced=3,
    duplicates=2,
    usage=Usage(10, 400, 4, 500),
)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def test_a_list_is_counted_by_what_it_cost_and_what_it_lacks(metrics: Metrics) -> None:
    observer: Observer = metrics
    observer.list_answered(RANKED)
    assert value(metrics, "crossrank_lists_total") == 1
    assert value(metrics, "crossrank_degraded_total", reason="DEADLINE") == 1
    assert value(metrics, "crossrank_degraded_total", reason="SCORE_INVALID") == 1
    assert value(metrics, "crossrank_candidates_sum") == 30
    origins = ("model", "cache", "shared", "duplicate")
    assert [value(metrics, "crossrank_scored_pairs_total", origin=origin) for origin in origins] == [10, 5, 3, 2]
    assert value(metrics, "crossrank_scored_tokens_total") == 400
    assert value(metrics, "crossrank_padded_tokens_total") == 500
    assert value(metrics, "crossrank_model_requests_total") == 4
    assert value(metrics, "crossrank_truncated_items_total") == 1
    assert value(metrics, "crossrank_invalid_scores_total") == 1


def test_the_displacement_is_the_mean_number_of_places_moved(metrics: Metrics) -> None:
    metrics.list_answered(RANKED)
    assert value(metrics, "crossrank_rank_displacement_sum") == pytest.approx((2 + 0 + 2) / 3)


def test_an_empty_list_is_counted_without_a_displacement(metrics: Metrics) -> None:
    metrics.list_answered(replace(RANKED, items=()))
    assert value(metrics, "crossrank_lists_total") == 1
    assert value(metrics, "crossrank_rank_displacement_count") == 0


def test_every_tier_counts_its_hits_its_misses_and_its_faults(metrics: Metrics) -> None:
    observer: CacheObserver = metrics
    observer.cache_read("local", 60, 40)
    observer.cache_read("redis", 10, 30)
    observer.cache_failed("redis", "write", "timeout")
    looked_up = "crossrank_cache_lookups_total"
    assert value(metrics, looked_up, tier="local", outcome="hit") == 60
    assert value(metrics, looked_up, tier="local", outcome="miss") == 40
    assert value(metrics, looked_up, tier="redis", outcome="hit") == 10
    assert value(metrics, "crossrank_cache_faults_total", tier="redis", operation="write", cause="timeout") == 1


def test_a_stage_is_observed_under_its_name(metrics: Metrics) -> None:
    metrics.stage_ended("score", 0.2)
    assert value(metrics, "crossrank_stage_seconds_sum", stage="score") == pytest.approx(0.2)
    assert value(metrics, "crossrank_stage_seconds_bucket", stage="score", le="0.1") == 0
    assert value(metrics, "crossrank_stage_seconds_bucket", stage="score", le="0.25") == 1


def test_a_comparison_is_observed_and_every_drawn_request_is_counted(metrics: Metrics) -> None:
    observer: TrialObserver = metrics
    identity = Orderer("cross_encoder", "1")
    found = Agreement(100, 0.93, 0.8, Shift(-0.03, 0.2), Shift(0.4, 1.0))
    for champion_s in (0.03, None):
        observer.shadow_compared(Comparison(identity, identity, found, champion_s, 0.04))
        observer.shadow_ended(Outcome.COMPARED)
    observer.shadow_ended(Outcome.BUSY)
    assert value(metrics, "crossrank_shadow_requests_total", outcome="compared") == 2
    assert value(metrics, "crossrank_shadow_requests_total", outcome="busy") == 1
    assert value(metrics, "crossrank_shadow_kendall_tau_bucket", le="0.95") == 2
    assert value(metrics, "crossrank_shadow_kendall_tau_bucket", le="0.9") == 0
    assert value(metrics, "crossrank_shadow_top10_overlap_sum") == pytest.approx(2 * 0.8)
    assert value(metrics, "crossrank_shadow_score_shift_bucket", le="-0.02") == 2
    assert value(metrics, "crossrank_shadow_score_seconds_count", side="champion") == 1
    assert value(metrics, "crossrank_shadow_score_seconds_count", side="challenger") == 2
    observer.shadow_compared(Comparison(identity, Orderer("ranker", "aa"), Agreement(100, 0.93, 0.8), 0.03, 0.04))
    assert value(metrics, "crossrank_shadow_score_shift_count") == 2, "scores of a model and of trees do not compare"


def test_canary_outcomes_and_lost_comparisons_are_counted(metrics: Metrics) -> None:
    for outcome in ("answered", "answered", "failed"):
        metrics.canary_ended(outcome)
    metrics.comparisons_lost(7)
    assert value(metrics, "crossrank_canary_requests_total", outcome="answered") == 2
    assert value(metrics, "crossrank_canary_requests_total", outcome="failed") == 1
    assert value(metrics, "crossrank_shadow_comparisons_lost_total") == 7


def test_a_watched_value_is_read_at_every_scrape(metrics: Metrics) -> None:
    tokens = [0.0]
    metrics.watch("tokens_in_flight", "Tokens admitted and not yet scored", lambda: tokens[0])
    assert value(metrics, "crossrank_tokens_in_flight") == 0
    tokens[0] = 512
    assert value(metrics, "crossrank_tokens_in_flight") == 512


def test_two_processes_worth_of_metrics_do_not_share_a_registry() -> None:
    first, second = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    first.lists.inc()
    assert value(second, "crossrank_lists_total") == 0


def test_every_metric_says_what_it_is(metrics: Metrics) -> None:
    for family in metrics.registry.collect():
        assert family.documentation, family.name
        assert family.name.startswith(("grpc_server_", "crossrank_"))


def test_a_call_that_breaks_is_counted_like_any_other(metrics: Metrics) -> None:
    def broken_call() -> None:
        with counted(metrics, "/p.S/M") as outcome:
            outcome.code, outcome.reason = grpc.StatusCode.INTERNAL, "INTERNAL"
            raise RuntimeError

    labels = {"grpc_service": "p.S", "grpc_method": "M"}
    with pytest.raises(RuntimeError):
        broken_call()
    assert value(metrics, "grpc_server_handled_total", **labels, grpc_code="INTERNAL") == 1
    assert value(metrics, "grpc_server_in_flight", **labels) == 0
    assert value(metrics, "crossrank_errors_total", reason="INTERNAL") == 1


def test_texts_of_users_make_no_series(metrics: Metrics) -> None:
    metrics.list_answered(RANKED)
    before = len(generate_latest(metrics.registry).splitlines())
    for place in range(100):
        odd = replace(RANKED, request_id=f"r{place}", degraded=(Degradation(Reason.DEADLINE, f"detail {place}"),))
        metrics.list_answered(replace(odd, items=(replace(ITEMS[0], item_id=f"item{place}"),)))
    assert len(generate_latest(metrics.registry).splitlines()) == before
