"""The result of one load on one system, with every latency, and exact percentiles of them. Must not measure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median

import numpy as np

from clients.load.bench.workload.load_loops import Done

PERCENTILES = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Load:
    """The load on a system. ``mix``: the workload; ``kind``: closed, open, or the name of a cache workload; ``rate``:
    requests a second of an open loop."""

    mix: str
    kind: str
    callers: int
    candidates: int
    rate: float | None = None

    @property
    def key(self) -> str:
        """In a summary: "closed_4x100" is a closed loop of 4 callers with 100 candidates each."""
        return f"{self.kind}_{self.callers}x{self.candidates}"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds and peak memory (MiB) of a process tree while it scored ``pairs``."""

    cpu_s: float
    peak_mb: float
    pairs: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of one load on one system.

    ``latencies_ms``: of every request; empty where a tool reports only ``percentiles``. ``lateness_ms``: how far the
    load generator fell behind its schedule, at most. ``hit_share``: cache hit rate. ``outside_model_share``: median
    share of a request's latency that was not spent waiting for the model, where the server reports it.
    """

    system: str
    load: Load
    pairs_per_s: float
    latencies_ms: tuple[float, ...] = ()
    percentiles: dict[str, float] = field(default_factory=dict)
    lateness_ms: float = 0.0
    hit_share: float = 0.0
    outside_model_share: float | None = None
    degraded: int = 0
    failed: int = 0
    cost: Cost | None = None
    variant: str = ""

    def latency(self) -> dict[str, float]:
        """p50, p95 and p99 in milliseconds."""
        return dict(self.percentiles) if self.percentiles else percentiles(self.latencies_ms)

    def document(self) -> dict[str, object]:
        """Plain data, latencies rounded to a microsecond."""
        return {**asdict(self), "latencies_ms": [round(one, 3) for one in self.latencies_ms], **self.latency()}


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 by the nearest-rank method: always a value that was measured. Empty for no values."""
    if not values:
        return {}
    found = np.percentile(np.asarray(values), PERCENTILES, method="inverted_cdf")
    return {f"p{rank}": float(value) for rank, value in zip(PERCENTILES, found, strict=True)}


def reading(system: str, load: Load, done: Sequence[Done], seconds: float, cost: Cost | None = None) -> Reading:
    """Summarises the calls of a load of ``seconds``. Failed requests are counted and left out of the latencies."""
    good = [one for one in done if not one.answer.failed]
    pairs = sum(one.answer.pairs for one in good)
    shares = [1 - one.answer.model_s / one.latency_s for one in good if one.answer.model_s]
    return Reading(
        system=system,
        load=load,
        pairs_per_s=sum(one.pairs_until(seconds) for one in good) / seconds,
        latencies_ms=tuple(one.latency_s * 1000 for one in good),
        lateness_ms=max((one.sent_s - one.due_s for one in done), default=0.0) * 1000,
        hit_share=sum(one.answer.cache_hits for one in good) / pairs if pairs else 0.0,
        outside_model_share=median(shares) if shares else None,
        degraded=sum(one.answer.degraded for one in good),
        failed=len(done) - len(good),
        cost=cost,
    )
