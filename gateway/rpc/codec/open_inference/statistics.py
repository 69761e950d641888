"""Counts and times of ModelInfer since the start, per model version, as the protocol has them. Knows no servicer."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tritonclient.grpc import service_pb2

from gateway.domain.values import ModelIdentity, RankedList

_INFER_STAGES = {"score"}
_OUTPUT_STAGES = {"rank", "log"}


@dataclass(slots=True)
class Tally:
    """Of one version: number of calls and nanoseconds, by kind."""

    calls: Counter[str] = field(default_factory=Counter)
    nanoseconds: Counter[str] = field(default_factory=Counter)
    last_ms: int = 0

    def add(self, kind: str, seconds: float) -> None:
        """Counts one call."""
        self.calls[kind] += 1
        self.nanoseconds[kind] += round(seconds * 1e9)


class Statistics:
    """Times of a success: the model's share (stage "score") is compute_infer, what comes after it compute_output, what
    comes before compute_input. Nothing queues here, so queue counts calls and no time."""

    def __init__(self) -> None:
        self._tallies: defaultdict[tuple[str, str], Tally] = defaultdict(Tally)

    @contextmanager
    def of(self, identity: ModelIdentity) -> Iterator[list[RankedList]]:
        """Times the block: a success when it has put its list into the yielded one, else a failure."""
        tally, started = self._tallies[identity.name, identity.version], time.perf_counter()
        answered: list[RankedList] = []
        try:
            yield answered
        finally:
            seconds = time.perf_counter() - started
            tally.last_ms = time.time_ns() // 1_000_000
            if answered:
                _add_success(tally, answered[0], seconds)
            else:
                tally.add("fail", seconds)

    def messages(self, version: str = "") -> list[Any]:
        """One ModelStatistics per version that was asked; only ``version``'s when it is named."""
        return [
            _encode(name, one, tally) for (name, one), tally in sorted(self._tallies.items()) if version in {"", one}
        ]


def _add_success(tally: Tally, ranked: RankedList, seconds: float) -> None:
    infer_s = sum(spent for stage, spent in ranked.stages if stage in _INFER_STAGES)
    output_s = sum(spent for stage, spent in ranked.stages if stage in _OUTPUT_STAGES)
    tally.add("success", seconds)
    tally.add("queue", 0.0)
    tally.add("compute_input", max(0.0, seconds - infer_s - output_s))
    tally.add("compute_infer", infer_s)
    tally.add("compute_output", output_s)


def _encode(name: str, version: str, tally: Tally) -> Any:
    kinds = ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output")
    return service_pb2.ModelStatistics(
        name=name,
        version=version,
        last_inference=tally.last_ms,
        inference_count=tally.calls["success"],
        execution_count=tally.calls["success"],
        inference_stats=service_pb2.InferStatistics(
            **{
                kind: service_pb2.StatisticDuration(count=tally.calls[kind], ns=tally.nanoseconds[kind])
                for kind in kinds
            }
        ),
    )
