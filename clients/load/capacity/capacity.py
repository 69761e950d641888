"""How many replicas a demand needs, and what they cost. Must not know where the times were measured.

Latencies come from simulating one replica (clients/load/capacity/simulation.py) under its share of the lists: a
balancer that sends each list to a random replica splits Poisson arrivals into Poisson arrivals, so one replica speaks
for all.
"""

from dataclasses import dataclass
from math import ceil

from clients.load.capacity.replica import Replica
from clients.load.capacity.simulation import Load, Outcome, simulate
from deploy.local.errors import LocalStackError

LISTS = 20_000
SEED = 1
_WARM_UP = 0.1
_NOBODY = 1e-6
_MOST_DOUBLINGS = 16
_SECONDS_AN_HOUR = 3600


class NotReachable(LocalStackError):
    """No number of replicas meets the target."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What must be borne: lists per second of so many candidates, and the latency that 99 % of them may take."""

    lists_per_s: float
    candidates: int
    cache_hit_share: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Machine:
    """What one replica occupies, and the price of a core or GPU for an hour; 0: unknown."""

    cores: int
    gpus: int = 0
    core_hour: float = 0.0
    gpu_hour: float = 0.0

    @property
    def hour(self) -> float:
        """Price of a replica for an hour."""
        return self.cores * self.core_hour + self.gpus * self.gpu_hour


@dataclass(frozen=True, slots=True)
class Rates:
    """What a replica that is always busy gives, and what a million pairs cost on it; None without a price."""

    pairs_per_s: float
    pairs_per_s_per_core: float
    pairs_per_s_per_gpu: float | None
    price_per_million_pairs: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Replicas for a demand, and how they then do. `busy_share`: of the time the model executes."""

    replicas: int
    lists_per_s_per_replica: float
    p50_ms: float
    p99_ms: float
    busy_share: float
    price_per_hour: float | None
    price_per_million_pairs: float | None


def rates(replica: Replica, machine: Machine) -> Rates:
    """At full load."""
    per_s = replica.pairs_per_s()
    return Rates(
        pairs_per_s=per_s,
        pairs_per_s_per_core=per_s / machine.cores,
        pairs_per_s_per_gpu=per_s / machine.gpus if machine.gpus else None,
        price_per_million_pairs=_per_million(machine.hour, per_s),
    )


def plan(replica: Replica, machine: Machine, demand: Demand, lists: int = LISTS, seed: int = SEED) -> Plan:
    """The fewest replicas that meet the demand. Raises NotReachable. The price is that of candidates asked for, those
    that the cache answers included."""
    alone = _under(replica, demand, _NOBODY, lists, seed)
    if alone.percentile_ms(99) > demand.p99_ms:
        raise NotReachable(
            f"a list of {demand.candidates} candidates alone has a p99 of {alone.percentile_ms(99):.1f} ms; the target "
            f"is {demand.p99_ms:g} ms, which no number of replicas reaches",
            remedy="allow more time, fewer candidates, or more cores for a replica",
        )
    needed = _fewest(replica, demand, lists, seed)
    outcome = _under(replica, demand, demand.lists_per_s / needed, lists, seed)
    price = machine.hour * needed
    return Plan(
        replicas=needed,
        lists_per_s_per_replica=demand.lists_per_s / needed,
        p50_ms=outcome.percentile_ms(50),
        p99_ms=outcome.percentile_ms(99),
        busy_share=outcome.busy_share,
        price_per_hour=price or None,
        price_per_million_pairs=_per_million(price, demand.lists_per_s * demand.candidates),
    )


def _fewest(replica: Replica, demand: Demand, lists: int, seed: int) -> int:
    """By doubling, then halving the gap; the lower bound is what the work itself occupies."""

    def enough(replicas: int) -> bool:
        share = demand.lists_per_s / replicas
        return _under(replica, demand, share, lists, seed).percentile_ms(99) <= demand.p99_ms

    work = demand.lists_per_s * demand.candidates * (1 - demand.cache_hit_share) / replica.pairs_per_s()
    low = max(1, ceil(max(work, demand.lists_per_s * replica.gateway_s)))
    if enough(low):
        return low
    high = low
    for _ in range(_MOST_DOUBLINGS):
        low, high = high, high * 2
        if enough(high):
            break
    else:
        raise NotReachable(
            f"{high} replicas do not reach a p99 of {demand.p99_ms:g} ms", remedy="allow a little more time"
        )
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _under(replica: Replica, demand: Demand, lists_per_s: float, lists: int, seed: int) -> Outcome:
    load = Load(lists_per_s, demand.candidates, demand.cache_hit_share)
    return simulate(replica, load, lists, seed).after(_WARM_UP)


def _per_million(price_per_hour: float, per_s: float) -> float | None:
    return price_per_hour / (per_s * _SECONDS_AN_HOUR) * 1e6 if price_per_hour else None
