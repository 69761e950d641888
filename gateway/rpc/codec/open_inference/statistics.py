"""Counts and times of ModelInfer since the start, per model version, as the protocol has them. Knows no servicer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tritonclient.grpc import service_pb2

from gateway.domain.values import ModelIdentity, RankedList

_INFER_STAGES = {"score"}
_OUTPUT_STAGES = {"rank", "log"}


class Statistics:
    """Times of a success: the model's share (stage "score") is compute_infer, what comes after it compute_output, what
    comes before compute_input. Nothing queues here, so queue counts calls and no time."""

    def __init__(self) -> None:
        self._counted: dict[tuple[str, str], Any] = {}

    @contextmanager
    def of(self, identity: ModelIdentity) -> Iterator[list[RankedList]]:
        """Times the block: a success when it has put its list into the yielded one, else a failure."""
        key, started = (identity.name, identity.version), time.perf_counter()
        counted = self._counted.setdefault(key, service_pb2.ModelStatistics(name=key[0], version=key[1]))
        answered: list[RankedList] = []
        try:
            yield answered
        finally:
            seconds = time.perf_counter() - started
            counted.last_inference = time.time_ns() // 1_000_000
            if answered:
                _add_success(counted, answered[0], seconds)
            else:
                _add(counted.inference_stats.fail, seconds)

    def messages(self, version: str = "") -> list[Any]:
        """One ModelStatistics per version that was asked; only ``version``'s when it is named."""
        return [counted for (_, one), counted in sorted(self._counted.items()) if version in {"", one}]


def _add_success(counted: Any, ranked: RankedList, seconds: float) -> None:
    infer_s = sum(spent for stage, spent in ranked.stages if stage in _INFER_STAGES)
    output_s = sum(spent for stage, spent in ranked.stages if stage in _OUTPUT_STAGES)
    counted.inference_count += 1
    counted.execution_count += 1
    stats = counted.inference_stats
    _add(stats.success, seconds)
    _add(stats.queue, 0.0)
    _add(stats.compute_input, max(0.0, seconds - infer_s - output_s))
    _add(stats.compute_infer, infer_s)
    _add(stats.compute_output, output_s)


def _add(duration: Any, seconds: float) -> None:
    """Counts one call."""
    duration.count += 1
    duration.ns += round(seconds * 1e9)
