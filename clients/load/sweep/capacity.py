"""How many replicas a load needs: read off the measured levels of a sweep, interpolated between them, never beyond.
Must not measure or read files.

A replica is a machine like the measured one. Replicas are assumed independent and evenly loaded: what they share (a
database, a network) is not in the measurement.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from clients.load.sweep.report import Level, TargetSweep
from deploy.local.errors import LocalStackError

_SECONDS_AN_HOUR = 3600


class NotMeasured(LocalStackError):
    """What was asked for lies outside what was measured."""


@dataclass(frozen=True, slots=True)
class Demand:
    """Requests a second at the peak, and the latency that 99 % of them may take."""

    requests_per_s: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Replicas for a demand. Prices are None without a core's.

    ``highest_per_s``: the rate of one replica that keeps the p99. ``at_last_level``: it is the highest rate that was
    sustained, and the p99 would allow more. ``headroom``: share of that rate which stays free. ``p99_ms``: lowest,
    median and highest run at ``measured_per_s``, the first level that is not below a replica's load.
    """

    replicas: int
    highest_per_s: float
    at_last_level: bool
    load_per_s: float
    headroom: float
    measured_per_s: float
    p99_ms: tuple[float, float, float]
    pairs_per_s_per_core: float
    price_per_hour: float | None
    price_per_million_pairs: float | None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A level's median p99 beside what its neighbours interpolate to. ``spread_ms``: lowest and highest run."""

    offered_per_s: float
    interpolated_ms: float
    measured_ms: float
    spread_ms: tuple[float, float]

    @property
    def error(self) -> float:
        """Of the interpolation, relative to the measurement."""
        return self.interpolated_ms / self.measured_ms - 1


def usable(sweep: TargetSweep) -> list[Level]:
    """By offered rate, those below the first that was not sustained: above it, latency is a matter of how long the load
    lasts. Raises NotMeasured when there is none."""
    found: list[Level] = []
    for level in sorted(sweep.levels, key=lambda one: one.offered_per_s):
        if not level.sustained:
            break
        found.append(level)
    if not found:
        raise NotMeasured(
            f"no rate of {sweep.target} was sustained; the lowest was {sweep.levels[0].offered_per_s:.3g}/s",
            remedy="crossrank sweep --rates with lower shares, as 0.05,0.1,0.2",
        )
    return found


def plan(sweep: TargetSweep, demand: Demand, cores: int, core_hour: float = 0.0) -> Plan:
    """The fewest replicas of so many cores. ``core_hour``: price of a core for an hour; 0: unknown. Raises NotMeasured
    for a p99 below the lowest level's."""
    levels = usable(sweep)
    highest = highest_rate(levels, demand.p99_ms)
    replicas = ceil(demand.requests_per_s / highest)
    load = demand.requests_per_s / replicas
    # Rounding may leave the load a hair above the last level.
    level = next((one for one in levels if one.offered_per_s >= load), levels[-1])
    price = core_hour * cores * replicas
    pairs_an_hour = demand.requests_per_s * sweep.pairs_per_request * _SECONDS_AN_HOUR
    return Plan(
        replicas=replicas,
        highest_per_s=highest,
        at_last_level=highest == levels[-1].offered_per_s,
        load_per_s=load,
        headroom=1 - load / highest,
        measured_per_s=level.offered_per_s,
        p99_ms=level.spread("p99_ms"),
        pairs_per_s_per_core=highest * sweep.pairs_per_request / cores,
        price_per_hour=price or None,
        price_per_million_pairs=price / pairs_an_hour * 1e6 if price else None,
    )


def highest_rate(levels: Sequence[Level], p99_ms: float) -> float:
    """The highest offered rate at which the slowest run's p99 stays within ``p99_ms``: linear between levels, whose p99
    counts as no lower than that of a lower rate. The last level's where that keeps it too. Raises NotMeasured."""
    rates = [level.offered_per_s for level in levels]
    bounds = np.maximum.accumulate([level.spread("p99_ms")[2] for level in levels])
    if p99_ms < bounds[0]:
        raise NotMeasured(
            f"a p99 of {p99_ms:g} ms is below all that was measured: {bounds[0]:.1f} ms at {rates[0]:.3g}/s to "
            f"{bounds[-1]:.1f} ms at {rates[-1]:.3g}/s",
            remedy="allow more time, sweep lower --rates, or fewer --items-per-list",
        )
    above = int(np.searchsorted(bounds, p99_ms, side="right"))
    if above == len(levels):
        return rates[-1]
    share = (p99_ms - bounds[above - 1]) / (bounds[above] - bounds[above - 1])
    return float(rates[above - 1] + share * (rates[above] - rates[above - 1]))


def left_out(levels: Sequence[Level]) -> list[LeftOut]:
    """How well interpolation does: each level that has neighbours on both sides, predicted from the others."""
    rates = np.array([level.offered_per_s for level in levels])
    medians = np.array([level.spread("p99_ms")[1] for level in levels])
    found = []
    for place in range(1, len(levels) - 1):
        others = np.arange(len(levels)) != place
        predicted = float(np.interp(rates[place], rates[others], medians[others]))
        low, middle, high = levels[place].spread("p99_ms")
        found.append(LeftOut(float(rates[place]), predicted, middle, (low, high)))
    return found
