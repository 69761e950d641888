"""What a gateway has counted, from its Prometheus metrics. Must not start or load it."""

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

from deploy.local.errors import LocalStackError

_TIMEOUT_S = 5.0
_METHOD = "ModelInfer"


@dataclass(frozen=True, slots=True)
class GatewayCounts:
    """Since its start: scored pairs by origin (model, cache, shared), answers of ModelInfer by status, and how many
    timers of its event loop were late by at most so many seconds."""

    pairs: Mapping[str, float]
    answers: Mapping[str, float]
    timers: Mapping[float, float] = field(default_factory=dict)

    @property
    def cache_hit_share(self) -> float | None:
        """Of the pairs whose score came from the cache or from an identical pair in flight; None without pairs."""
        total = sum(self.pairs.values())
        return 1 - self.pairs.get("model", 0.0) / total if total else None

    def answers_since(self, earlier: "GatewayCounts") -> dict[str, int]:
        """By status, without those that did not occur."""
        differences = {code: int(count - earlier.answers.get(code, 0.0)) for code, count in self.answers.items()}
        return {code: count for code, count in differences.items() if count}

    def timers_since(self, earlier: "GatewayCounts") -> dict[float, int]:
        """Cumulative, by upper bound in seconds; the last is infinite."""
        return {bound: int(count - earlier.timers.get(bound, 0.0)) for bound, count in self.timers.items()}


def read_counts(address: str) -> GatewayCounts:
    """Asks the metrics endpoint at host:port. Raises LocalStackError."""
    try:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=_TIMEOUT_S) as answer:
            return parse_counts(answer.read().decode())
    except OSError as fault:
        raise LocalStackError(f"the gateway's metrics at {address} cannot be read: {fault}") from fault


def parse_counts(text: str) -> GatewayCounts:
    """From Prometheus' text format."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return GatewayCounts(
        pairs={one.labels["origin"]: one.value for one in samples if one.name == "crossrank_scored_pairs_total"},
        answers={
            one.labels["grpc_code"]: one.value
            for one in samples
            if one.name == "grpc_server_handled_total" and one.labels["grpc_method"] == _METHOD
        },
        timers={
            float(one.labels["le"]): one.value
            for one in samples
            if one.name == "crossrank_event_loop_lag_seconds_bucket"
        },
    )
