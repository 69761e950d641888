"""A sweep with invented numbers."""

from collections.abc import Sequence
from dataclasses import replace

from clients.load.perf_analyzer.report import Measurement
from clients.load.sweep.report import Level, Run, Sweep, TargetSweep

PAIRS = 8
REFUSED = Level(100.0, failure="exceeds maximum queue size", answers={"OK": 4, "RESOURCE_EXHAUSTED": 1})


def measurement(load: str, requests_per_s: float, p50_ms: float, p99_ms: float) -> Measurement:
    """Of requests with PAIRS pairs."""
    p95_ms = (p50_ms + 2 * p99_ms) / 3
    return Measurement(load, requests_per_s * PAIRS, requests_per_s, p50_ms, p95_ms, p99_ms, 0.0, 0.0, 0.0)


def level(rate: float, p99_ms: Sequence[float], answered: float = 1.0) -> Level:
    """A run for each p99, in which the share ``answered`` of the rate was answered."""
    measured = [measurement(f"request rate {rate:g}", answered * rate, one / 2, one) for one in p99_ms]
    return Level(rate, [Run(rate, 9.0, one) for one in measured])


def invented_sweep() -> Sweep:
    """One target with four levels that were answered, in three runs each, and one that was refused."""
    levels = [
        level(10, (28, 30, 40)),
        level(20, (50, 60, 80)),
        level(30, (90, 100, 120)),
        level(40, (150, 200, 320)),
        REFUSED,
    ]
    alone, full = measurement("concurrency 1", 50.0, 20.0, 25.0), measurement("concurrency 16", 45.0, 100.0, 120.0)
    return Sweep({"cores": 2}, [TargetSweep("triton", PAIRS, 16, alone, full, levels, cache_hit_share=0.02)])


def invented_target(*levels: Level) -> TargetSweep:
    """The same with these levels."""
    (target,) = invented_sweep().targets
    return replace(target, levels=list(levels)) if levels else target
