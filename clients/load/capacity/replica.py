"""One replica of the service as its timing model: a gateway in front of one Triton that batches. Must not simulate.

The batching rule is that of model_repository/cross_encoder: an instance that is free executes waiting requests, in
order, up to `batch_pairs`; the rows are cut into micro-batches that its `workers` threads run side by side. Requests
reach Triton one after another, so that instances that are free together share what waits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import heapify, heapreplace
from math import ceil

BATCH_PAIRS = 64
"""Of a model that `crossrank export` configured for CPUs, in one instance."""


@dataclass(frozen=True)
class Replica:
    """`instances` execute side by side. Times in seconds. `pair_s`: one pair on one worker. `execution_s`: what an
    execution costs besides its pairs. `gateway_s`: the gateway's own time for a list, one list after another.
    `network_s`: time that queues for nothing. `variation`: standard deviation of an execution's time over its mean (0:
    none, 1: exponential).
    """

    pair_s: float
    instances: int = 1
    workers: int = 1
    execution_s: float = 0.0
    gateway_s: float = 0.0
    network_s: float = 0.0
    variation: float = 0.0
    batch_pairs: int = BATCH_PAIRS
    chunk_pairs: int = 32
    micro_batch_pairs: int = 8
    batch_delay_s: float = 200e-6

    @cached_property
    def rounds(self) -> tuple[int, ...]:
        """Per number of rows in an execution (0 to `batch_pairs`): the pairs that its busiest worker scores."""
        return tuple(_busiest(rows, self.workers, self.micro_batch_pairs) for rows in range(self.batch_pairs + 1))

    def execution_time_s(self, rows: int) -> float:
        """Mean time of an execution."""
        return self.execution_s + self.rounds[rows] * self.pair_s

    def pairs_per_s(self) -> float:
        """What full batches give."""
        return self.instances * self.batch_pairs / self.execution_time_s(self.batch_pairs)

    def batch(self, waiting: Sequence[int], free: int) -> int:
        """How many of the waiting requests, given by their rows, an execution takes when `free` instances are free."""
        most = min(self.batch_pairs, ceil(sum(waiting) / free))
        taken, rows = 1, waiting[0]
        while taken < len(waiting) and rows + waiting[taken] <= most:
            rows += waiting[taken]
            taken += 1
        return taken

    def chunks(self, pairs: int) -> list[int]:
        """Sizes of the model requests that a list of `pairs` becomes."""
        full, rest = divmod(pairs, self.chunk_pairs)
        return [self.chunk_pairs] * full + [rest] * (rest > 0)


def _busiest(rows: int, workers: int, most: int) -> int:
    """Micro-batches, each at most a worker's share of what is left, go to the first free worker; pairs count alike."""
    loads = [0] * workers
    heapify(loads)
    while rows:
        pairs = min(most, ceil(rows / workers))
        heapreplace(loads, loads[0] + pairs)
        rows -= pairs
    return max(loads)
