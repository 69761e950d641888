"""A sweep as the timing model predicts it, beside the sweep as it was measured. Must not measure.

The model is set to the sweep's closed-loop measurements (one request alone, and as many as keep it busy); the levels of
the sweep itself it has never seen.
"""

from dataclasses import asdict, dataclass, replace

import numpy as np

from clients.load.capacity.calibration import calibrated
from clients.load.capacity.replica import Replica
from clients.load.capacity.simulation import Load, simulate_arrivals
from clients.load.sweep.report import TRITON, Level, TargetSweep

TOLERANCE = 0.15
_REPEATS = 40
_SEED = 1


@dataclass(frozen=True, slots=True)
class Pair:
    """A number as predicted and as measured."""

    predicted: float
    measured: float

    @property
    def error(self) -> float:
        """Of the prediction, relative to the measurement."""
        return self.predicted / self.measured - 1 if self.measured else float("inf")

    @property
    def good(self) -> bool:
        """Within the tolerance."""
        return abs(self.error) <= TOLERANCE


@dataclass(frozen=True, slots=True)
class Comparison:
    """One level of a sweep."""

    target: str
    offered_per_s: float
    answered: int
    p50_ms: Pair
    p99_ms: Pair
    requests_per_s: Pair

    @property
    def good(self) -> bool:
        """All three within the tolerance."""
        return self.p50_ms.good and self.p99_ms.good and self.requests_per_s.good

    def document(self) -> dict[str, object]:
        """For --json."""
        pairs = {name: getattr(self, name) for name in ("p50_ms", "p99_ms", "requests_per_s")}
        return {
            "target": self.target,
            "offered_per_s": self.offered_per_s,
            "answered": self.answered,
            **{
                name: {**asdict(pair), "error": round(pair.error, 4), "within": pair.good}
                for name, pair in pairs.items()
            },
            "within": self.good,
        }


def replica_of(sweep: TargetSweep, shape: Replica) -> Replica:
    """The timing model that the closed-loop measurements of a sweep give."""
    if sweep.target == TRITON:  # only a gateway cuts requests
        shape = replace(shape, chunk_pairs=sweep.pairs_per_request)
    return calibrated(shape, sweep.full.rows_per_s, sweep.alone)


def compare(sweep: TargetSweep, shape: Replica) -> list[Comparison]:
    """Every level that was answered in full."""
    replica = replica_of(sweep, shape)
    return [_compare(sweep, replica, level) for level in sweep.levels if level.measured is not None and level.sent_s]


def _compare(sweep: TargetSweep, replica: Replica, level: Level) -> Comparison:
    """The very requests that were sent, served so often that the prediction is an expectation."""
    load, sent_s = Load(level.offered_per_s, sweep.pairs_per_request), np.asarray(level.sent_s)
    rng = np.random.default_rng(_SEED)
    runs = [simulate_arrivals(replica, load, sent_s, rng).within(level.seconds) for _ in range(_REPEATS)]
    latencies_ms = np.concatenate([run.latencies_s for run in runs]) * 1000
    measured = level.measured
    assert measured is not None
    p50_ms, p99_ms = np.percentile(latencies_ms, (50, 99)) if len(latencies_ms) else (float("inf"), float("inf"))
    return Comparison(
        target=sweep.target,
        offered_per_s=level.offered_per_s,
        answered=round(measured.requests_per_s * level.seconds),
        p50_ms=Pair(float(p50_ms), measured.p50_ms),
        p99_ms=Pair(float(p99_ms), measured.p99_ms),
        requests_per_s=Pair(len(latencies_ms) / (_REPEATS * level.seconds), measured.requests_per_s),
    )
