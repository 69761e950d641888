"""Measured times to a replica's timing model: throughput of full batches and the latency of a list alone give the cost
of a pair, of an execution, and how much it varies. Must not read files."""

from dataclasses import dataclass, replace

import numpy as np

from clients.load.capacity.replica import Replica

_DRAWS, _SEED = 20_000, 0
_MOST_VARIATION, _STEPS = 3.0, 24


@dataclass(frozen=True, slots=True)
class Alone:
    """A list of `pairs` that meets no other: its latency, and the model's part of it where that is known."""

    pairs: int
    p50_ms: float
    p99_ms: float
    model_ms: float


def calibrated(shape: Replica, pairs_per_s: float, alone: Alone | None = None) -> Replica:
    """`shape` (instances, batching, gateway) with the times that give `pairs_per_s` in full batches and, where it is
    given, the latency of a list alone. Without that an execution costs nothing besides its pairs."""
    full_s = shape.instances * shape.batch_pairs / pairs_per_s
    only_pairs = replace(shape, pair_s=full_s / shape.rounds[-1], execution_s=0.0)
    if alone is None:
        return only_pairs
    executions = _executions(shape, alone.pairs)
    pairs = sum(shape.rounds[rows] for rows in executions)
    # Two linear equations: what a full batch takes, and what the executions of a list alone take together.
    slope = pairs - len(executions) * shape.rounds[-1]
    solved = only_pairs
    if slope:
        pair_s = (alone.model_ms / 1000 - len(executions) * full_s) / slope
        execution_s = full_s - shape.rounds[-1] * pair_s
        if pair_s > 0 and execution_s > 0:
            solved = replace(shape, pair_s=pair_s, execution_s=execution_s)
    beside_ms = max(0.0, alone.p50_ms - alone.model_ms)
    stretch = max(1.0, (alone.p99_ms - beside_ms) / max(alone.p50_ms - beside_ms, 1e-9))
    network_s = max(0.0, beside_ms / 1000 - shape.gateway_s - shape.batch_delay_s)
    return replace(solved, network_s=network_s, variation=_variation(stretch, len(executions)))


def _executions(shape: Replica, pairs: int) -> list[int]:
    """Rows of the executions of a list alone, on the instance that ends last."""
    waiting = shape.chunks(pairs)
    executions: list[list[int]] = [[] for _ in range(shape.instances)]
    ends = [0] * shape.instances
    while waiting:
        instance = ends.index(min(ends))
        taken = shape.batch(waiting, ends.count(ends[instance]))
        rows = sum(waiting[:taken])
        executions[instance].append(rows)
        ends[instance] += shape.rounds[rows]
        waiting = waiting[taken:]
    return executions[ends.index(max(ends))]


def _variation(stretch: float, executions: int) -> float:
    """The variation of one execution with which the sum of `executions` has a p99 of `stretch` times its p50."""
    low, high = 0.0, _MOST_VARIATION
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _stretch(middle, executions) < stretch:
            low = middle
        else:
            high = middle
    return low


def _stretch(variation: float, executions: int) -> float:
    """p99 over p50 of a sum of gamma distributed times, which is gamma distributed too."""
    drawn = np.random.default_rng(_SEED).gamma(executions / variation**2, size=_DRAWS)
    p50, p99 = np.percentile(drawn, (50, 99))
    return float(p99 / p50) if p50 > 0 else float("inf")
