"""Lists that arrive at random moments at one replica, served event by event under the real batching rule. Must not know
prices or files.

Checked in tests/load against closed forms: M/M/1, M/M/c (Erlang C) and M/G/1 (Pollaczek and Khinchine), to which it
reduces when lists are as large as batches.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapreplace

import numpy as np
import numpy.typing as npt

from clients.load.capacity.replica import Replica

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Load:
    """Lists per second (Poisson), pairs of a list, and the share of pairs that a cache answers, pair by pair."""

    lists_per_s: float
    pairs: int
    cache_hit_share: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """Lists that arrived, by arrival: when, and how long each took, in seconds."""

    arrivals_s: Floats
    latencies_s: Floats
    busy_share: float

    def percentile_ms(self, percent: float) -> float:
        """Of all latencies."""
        return float(np.percentile(self.latencies_s, percent)) * 1000

    def within(self, seconds: float) -> "Outcome":
        """Only lists that were answered by then, as a measurement that ends sees them."""
        answered = self.arrivals_s + self.latencies_s <= seconds
        return Outcome(self.arrivals_s[answered], self.latencies_s[answered], self.busy_share)

    def after(self, share: float) -> "Outcome":
        """Without the first `share` of the lists, which met an empty system."""
        start = int(len(self.arrivals_s) * share)
        return Outcome(self.arrivals_s[start:], self.latencies_s[start:], self.busy_share)


def simulate(replica: Replica, load: Load, lists: int, seed: int) -> Outcome:
    """The first `lists` lists from an empty system on; the same for the same seed."""
    rng = np.random.default_rng(seed)
    arrivals_s = np.cumsum(rng.exponential(1 / load.lists_per_s, lists))
    return simulate_arrivals(replica, load, arrivals_s, rng)


def simulate_arrivals(replica: Replica, load: Load, arrivals_s: Floats, rng: np.random.Generator) -> Outcome:
    """As simulate, for lists that arrive at given moments, in order."""
    misses = rng.binomial(load.pairs, 1 - load.cache_hit_share, len(arrivals_s))
    ready_s = _one_after_another(arrivals_s, replica.gateway_s)
    chunks = [(place, rows) for place, pairs in enumerate(misses.tolist()) for rows in replica.chunks(pairs)]
    owners = np.array([place for place, _ in chunks], np.int64)
    rows = [size for _, size in chunks]
    ended_s, busy_s = _executions(replica, ready_s[owners], rows, rng)
    finished_s = ready_s.copy()
    np.maximum.at(finished_s, owners, ended_s)
    could_s = float(finished_s.max() - arrivals_s[0]) * replica.instances
    return Outcome(arrivals_s, finished_s - arrivals_s + replica.network_s, busy_s / could_s if could_s else 0.0)


def _one_after_another(arrivals_s: Floats, each_s: float) -> Floats:
    """When a single server with a fixed service time is done with each (Lindley's recursion, in closed form)."""
    served_s = np.arange(1, len(arrivals_s) + 1) * each_s
    waited_s: Floats = np.maximum.accumulate(arrivals_s - (served_s - each_s)) + served_s
    return waited_s


def _executions(
    replica: Replica, waiting_since_s: Floats, rows: Sequence[int], rng: np.random.Generator
) -> tuple[Floats, float]:
    """When the execution of each request ends, and for how long executions ran, over all instances."""
    since = waiting_since_s.tolist()
    ended_s = np.zeros(len(rows))
    noise = _noise(replica.variation, len(rows), rng)
    free_s = [0.0] * replica.instances  # when each instance is done, a heap
    first, executions, busy_s = 0, 0, 0.0
    while first < len(rows):
        start_s = max(free_s[0], since[first] + replica.batch_delay_s)
        free = sum(one <= start_s for one in free_s)
        last, waiting = first + 1, rows[first]
        while last < len(rows) and waiting + rows[last] <= free * replica.batch_pairs and since[last] <= start_s:
            waiting += rows[last]
            last += 1
        last = first + replica.batch(rows[first:last], free)
        batch = sum(rows[first:last])
        if batch == replica.batch_pairs:  # a full batch waits for nobody
            start_s = max(free_s[0], since[last - 1])
        took_s = replica.execution_time_s(batch) * noise[executions]
        heapreplace(free_s, start_s + took_s)
        busy_s += took_s
        ended_s[first:last] = start_s + took_s
        first, executions = last, executions + 1
    return ended_s, busy_s


def _noise(variation: float, executions: int, rng: np.random.Generator) -> Sequence[float]:
    """Factors of mean 1 with the standard deviation `variation`, gamma distributed."""
    if not variation:
        return [1.0] * executions
    shape = variation**-2
    drawn: list[float] = rng.gamma(shape, 1 / shape, executions).tolist()
    return drawn
