"""Every Prometheus metric, declared once. Knows no transport; labels are enums and method names, never users' text."""

from collections.abc import Callable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.domain.comparison import Comparison, Outcome
from gateway.domain.values import RankedList

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
LATENESS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0)
COUNTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
# With bounds below 0 there are buckets and a count, but no sum: it would not only grow.
AGREEMENT = (-0.5, 0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98, 0.999)
TENTHS = tuple(number / 10 for number in range(11))
SHIFT = (-0.5, -0.2, -0.1, -0.05, -0.02, -0.005, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5)
CALL = ("grpc_service", "grpc_method")


class Metrics:
    """The metrics of one process in one registry; an Observer and a TrialObserver. The ``grpc_server_`` names are those
    that the usual gRPC dashboards read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._declare_calls(registry)
        self._declare_lists(registry)
        self._declare_trials(registry)
        self._declare_process(registry)

    def _declare_calls(self, registry: CollectorRegistry) -> None:
        counter, histogram = partial(Counter, registry=registry), partial(Histogram, registry=registry)
        self.calls_started = counter("grpc_server_started", "Calls that reached the server", CALL)
        self.calls_handled = counter("grpc_server_handled", "Calls that ended, by status code", (*CALL, "grpc_code"))
        self.call_seconds = histogram("grpc_server_handling_seconds", "Wall time of a call", CALL, buckets=SECONDS)
        self.calls_in_flight = Gauge("grpc_server_in_flight", "Calls being handled", CALL, registry=registry)
        self.errors = counter(
            "crossrank_errors",
            "Calls that ended in a typed error, by reason (OVERLOADED: refused by admission)",
            ("reason",),
        )
        self.stage_seconds = histogram(
            "crossrank_stage_seconds", "Wall time of a stage, failed ones included", ("stage",), buckets=SECONDS
        )

    def _declare_lists(self, registry: CollectorRegistry) -> None:
        counter, histogram = partial(Counter, registry=registry), partial(Histogram, registry=registry)
        self.lists = counter("crossrank_lists", "Ranked lists answered")
        self.degraded = counter("crossrank_degraded", "Degradations of ranked lists, by reason", ("reason",))
        self.candidates = histogram("crossrank_candidates", "Candidates of a list before top_n", buckets=COUNTS)
        self.scored_pairs = counter(
            "crossrank_scored_pairs",
            "Valid scores, by origin: model, cache, shared with an identical pair in flight, or duplicate of another "
            "item of the list",
            ("origin",),
        )
        self.scored_tokens = counter("crossrank_scored_tokens", "Tokens sent to the model")
        self.padded_tokens = counter(
            "crossrank_padded_tokens",
            "The same with their padding to the longest pair of a request: scored / padded is the share that works",
        )
        self.model_requests = counter("crossrank_model_requests", "Requests sent to the model")
        self.truncated = counter("crossrank_truncated_items", "Answered items whose text was cut")
        self.invalid_scores = counter(
            "crossrank_invalid_scores", "Answered items for which the model gave no finite number"
        )
        self.rank_displacement = histogram(
            "crossrank_rank_displacement", "Mean places that re-ranking moved the items of a list", buckets=COUNTS
        )

    def _declare_trials(self, registry: CollectorRegistry) -> None:
        counter, histogram = partial(Counter, registry=registry), partial(Histogram, registry=registry)
        self.shadow_requests = counter(
            "crossrank_shadow_requests", "Requests drawn for the shadow, by outcome", ("outcome",)
        )
        self.shadow_tau = histogram(
            "crossrank_shadow_kendall_tau", "Challenger's order to champion's", buckets=AGREEMENT
        )
        self.shadow_overlap = histogram(
            "crossrank_shadow_top10_overlap", "Shared part of the first ten", buckets=TENTHS
        )
        self.shadow_shift = histogram(
            "crossrank_shadow_score_shift",
            "Mean score, challenger minus champion, of two models or two rankers",
            buckets=SHIFT,
        )
        self.shadow_seconds = histogram(
            "crossrank_shadow_score_seconds",
            "Time to score and order a list; the champion's only where no cache helped",
            ("side",),
            buckets=SECONDS,
        )
        self.shadow_lost = counter("crossrank_shadow_comparisons_lost", "Comparisons that could not be stored")
        self.canary_requests = counter(
            "crossrank_canary_requests",
            "Requests drawn for the canary: answered by it, or by the champion since it was unready or failed",
            ("outcome",),
        )

    def _declare_process(self, registry: CollectorRegistry) -> None:
        counter, histogram = partial(Counter, registry=registry), partial(Histogram, registry=registry)
        self.cache_lookups = counter(
            "crossrank_cache_lookups", "Scores looked up, by tier and outcome", ("tier", "outcome")
        )
        self.cache_faults = counter(
            "crossrank_cache_faults",
            "Questions a tier did not answer in time; busy: no connection was free; resting: not asked after a fault",
            ("tier", "operation", "cause"),
        )
        self.loop_lag_seconds = histogram(
            "crossrank_event_loop_lag_seconds", "How late a timer of the loop was", buckets=LATENESS
        )

    def stage_ended(self, stage: str, seconds: float) -> None:
        """Counts one stage of one request, also one that failed."""
        self.stage_seconds.labels(stage).observe(seconds)

    def list_answered(self, ranked: RankedList) -> None:
        """Counts one answered list."""
        self.lists.inc()
        for degradation in ranked.degraded:
            self.degraded.labels(degradation.reason.value).inc()
        self.candidates.observe(ranked.candidate_count)
        self.scored_pairs.labels("cache").inc(ranked.cache_hits)
        self.scored_pairs.labels("shared").inc(ranked.coalesced)
        self.scored_pairs.labels("duplicate").inc(ranked.duplicates)
        known = ranked.cache_hits + ranked.coalesced + ranked.duplicates
        self.scored_pairs.labels("model").inc(max(0, ranked.scored_count - known))
        self.scored_tokens.inc(ranked.usage.scored_tokens)
        self.padded_tokens.inc(ranked.usage.padded_tokens)
        self.model_requests.inc(ranked.usage.model_requests)
        self.truncated.inc(sum(item.truncated for item in ranked.items))
        self.invalid_scores.inc(sum(item.score_invalid for item in ranked.items))
        if ranked.items:
            moved = sum(abs(item.rank - item.first_stage_rank) for item in ranked.items)
            self.rank_displacement.observe(moved / len(ranked.items))

    def cache_read(self, tier: str, hits: int, misses: int) -> None:
        """Counts keys that were looked up in a tier."""
        self.cache_lookups.labels(tier, "hit").inc(hits)
        self.cache_lookups.labels(tier, "miss").inc(misses)

    def cache_failed(self, tier: str, operation: str, cause: str) -> None:
        """Counts one question that a tier did not answer."""
        self.cache_faults.labels(tier, operation, cause).inc()

    def shadow_ended(self, outcome: Outcome) -> None:
        """Counts one request that was drawn for the shadow."""
        self.shadow_requests.labels(outcome.value).inc()

    def shadow_compared(self, comparison: Comparison) -> None:
        """Observes one comparison."""
        self.shadow_tau.observe(comparison.agreement.kendall_tau)
        self.shadow_overlap.observe(comparison.agreement.top_overlap)
        if shift := comparison.agreement.score:
            self.shadow_shift.observe(shift.mean)
        self.shadow_seconds.labels("challenger").observe(comparison.challenger_s)
        if comparison.champion_s is not None:
            self.shadow_seconds.labels("champion").observe(comparison.champion_s)

    def comparisons_lost(self, number: int) -> None:
        """Counts comparisons that no store took."""
        self.shadow_lost.inc(number)

    def canary_ended(self, outcome: str) -> None:
        """Counts one request that was drawn for the canary."""
        self.canary_requests.labels(outcome).inc()

    def watch(self, name: str, description: str, read: Callable[[], float]) -> None:
        """Publishes ``crossrank_<name>``, read at every scrape: tokens in flight, cache entries, ranking_ready."""
        Gauge(f"crossrank_{name}", description, registry=self.registry).set_function(read)
