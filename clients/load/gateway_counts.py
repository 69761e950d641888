"""What a gateway has counted, from its Prometheus metrics. Must not start or load it."""

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from deploy.local.errors import LocalStackError

_TIMEOUT_S = 5.0
_METHOD = "ModelInfer"


@dataclass(frozen=True, slots=True)
class GatewayCounts:
    """Scored pairs by origin (model, cache, shared), and answers of ModelInfer by status, since its start."""

    pairs: Mapping[str, float]
    answers: Mapping[str, float]

    @property
    def cache_hit_share(self) -> float | None:
        """Of the pairs whose score came from the cache or from an identical pair in flight; None without pairs."""
        total = sum(self.pairs.values())
        return 1 - self.pairs.get("model", 0.0) / total if total else None

    def answers_since(self, earlier: "GatewayCounts") -> dict[str, int]:
        """By status, without those that did not occur."""
        differences = {code: int(count - earlier.answers.get(code, 0.0)) for code, count in self.answers.items()}
        return {code: count for code, count in differences.items() if count}


def read_counts(url: str) -> GatewayCounts:
    """Asks the metrics endpoint. Raises LocalStackError."""
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer:
            return parse_counts(answer.read().decode())
    except OSError as fault:
        raise LocalStackError(f"the gateway's metrics at {url} cannot be read: {fault}") from fault


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
    )
