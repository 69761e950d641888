"""Sweeps made by simulating a known replica: measurements whose truth is known."""

from clients.load.capacity.calibration import Alone
from clients.load.capacity.replica import Replica
from clients.load.capacity.simulation import Load, simulate
from clients.load.perf_analyzer.report import Measurement
from clients.load.sweep.report import Level, Sweep, TargetSweep

PAIRS = 8
TRUTH = Replica(pair_s=0.004, workers=2, execution_s=0.004, network_s=0.001, variation=0.15, chunk_pairs=PAIRS)


def measurement(load: str, requests_per_s: float, p50_ms: float, p99_ms: float) -> Measurement:
    """Of requests with PAIRS pairs."""
    p95_ms = (p50_ms + 2 * p99_ms) / 3
    return Measurement(load, requests_per_s * PAIRS, requests_per_s, p50_ms, p95_ms, p99_ms, 0.0, 0.0, 0.0)


def level(rate: float, seconds: float, seed: int) -> Level:
    """TRUTH under this rate for so long."""
    seen = simulate(TRUTH, Load(rate, PAIRS), int(rate * seconds * 2) + 20, seed).within(seconds)
    answered = len(seen.latencies_s) / seconds
    measured = measurement(f"request rate {rate:g}", answered, seen.percentile_ms(50), seen.percentile_ms(99))
    return Level(rate, seconds, measured, sent_s=seen.arrivals_s.tolist())


def invented_sweep(seconds: float = 200.0, seed: int = 3) -> Sweep:
    """One target with four levels that were answered and one that was refused."""
    full_per_s = TRUTH.pairs_per_s() / PAIRS
    seen = simulate(TRUTH, Load(1e-3, PAIRS), 2000, seed)
    alone = Alone(PAIRS, seen.percentile_ms(50), seen.percentile_ms(99), 20.0)
    levels = [level(share * full_per_s, seconds, seed + place) for place, share in enumerate((0.2, 0.5, 0.7, 0.85))]
    refused = Level(2 * full_per_s, seconds, None, "exceeds maximum queue size", {"OK": 4, "RESOURCE_EXHAUSTED": 1})
    full = measurement("concurrency 16", full_per_s, 100.0, 120.0)
    target = TargetSweep("triton", PAIRS, 16, alone, full, [*levels, refused], cache_hit_share=0.02)
    return Sweep({"cores": 2, "workers": 2}, [target])
