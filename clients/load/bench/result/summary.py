"""All rounds as one document: medians with their spread, ratios by round, costs. Must not measure or draw."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from clients.load.bench.rounds import Record, Turn
from clients.load.bench.workload.readings import Reading, percentiles
from clients.load.bench.workload.system import ALONE

GATEWAY = "gateway"
SYSTEMS = ("sentence_transformers", "infinity_torch", "infinity_int8", "bare_engine", "triton", GATEWAY)
RATIOS = tuple(f"gateway_vs_{name}" for name in SYSTEMS if name != GATEWAY)
NOT_MEASURED = "not measured"
_COMPARED = "closed"


@dataclass(frozen=True, slots=True)
class Spread:
    """One number of every round. ``value``: their median."""

    rounds: tuple[float, ...]

    @property
    def value(self) -> float:
        """The median."""
        return median(self.rounds)

    def document(self) -> dict[str, object]:
        """Median, extremes, and all."""
        return {
            "median": round(self.value, 3),
            "min": round(min(self.rounds), 3),
            "max": round(max(self.rounds), 3),
            "rounds": [round(one, 3) for one in self.rounds],
        }


def throughput(record: Record, mix: str) -> dict[str, Spread]:
    """Pairs a second by system in the load that compares. Of an engine's variants the one with the best median counts,
    in all rounds."""
    found: dict[str, Spread] = {}
    for system in SYSTEMS:
        variants: dict[str, list[float]] = defaultdict(list)
        for one in compared(record, system, mix):
            variants[one.variant].append(one.pairs_per_s)
        if variants:
            found[system] = max((Spread(tuple(rates)) for rates in variants.values()), key=lambda one: one.value)
    return found


def compared(record: Record, system: str, mix: str) -> list[Reading]:
    """The readings of a system that are compared with others'."""
    return [one for one in record.readings(system) if one.load.mix == mix and one.load.kind == _COMPARED]


def ratios(rates: Mapping[str, Spread]) -> dict[str, Spread]:
    """The gateway's rate over each other system's, round by round: both met the same minutes of the machine."""
    ours = rates.get(GATEWAY)
    if ours is None:
        return {}
    return {
        f"gateway_vs_{name}": _over(ours, rate) for name, rate in rates.items() if name != GATEWAY and all(rate.rounds)
    }


def _over(ours: Spread, theirs: Spread) -> Spread:
    return Spread(tuple(one / other for one, other in zip(ours.rounds, theirs.rounds, strict=False)))


def latencies(record: Record, mix: str) -> dict[str, dict[str, object]]:
    """By system and load: exact percentiles of all requests of all rounds; the median of rounds where only a tool's
    percentiles are known."""
    grouped: dict[str, list[Reading]] = defaultdict(list)
    for turn in record.turns:
        if turn.reading.load.mix == mix:
            grouped[f"{turn.reading.system}_{turn.reading.load.key}"].append(turn.reading)
    return {key: _latency(readings) for key, readings in grouped.items()}


def costs(record: Record, mix: str) -> dict[str, dict[str, float]]:
    """By system: processor seconds for 1,000 pairs (median of rounds) and the largest memory of its processes."""
    found = {}
    for system in SYSTEMS:
        known = [one.cost for one in compared(record, system, mix) if one.cost and one.cost.pairs and one.cost.cpu_s]
        if known:
            found[system] = {
                "cpu_s_per_1000_pairs": round(median(1000 * one.cpu_s / one.pairs for one in known), 4),
                "peak_memory_mb": round(max(one.peak_mb for one in known), 1),
                "pairs_per_s_per_core_s": round(median(one.pairs / one.cpu_s for one in known), 2),
            }
    return found


def warm_document(record: Record, mix: str) -> dict[str, object]:
    """Throughput of workloads that come again, over that of contexts never seen in the same round, and the share of
    cache hits."""
    turns = [turn for turn in record.turns if turn.reading.system == GATEWAY and turn.reading.load.mix == mix]
    cold = {turn.round: turn.reading.pairs_per_s for turn in turns if turn.reading.load.kind == _COMPARED}
    grouped: dict[str, list[Turn]] = defaultdict(list)
    for turn in turns:
        if turn.reading.load.kind.startswith("zipf"):
            grouped[turn.reading.load.kind].append(turn)
    document: dict[str, object] = {kind: _warm(found, cold) for kind, found in grouped.items()}
    again = [turn.reading for turn in turns if turn.reading.load.kind == "all_hit"]
    hits = [value for one in again if one.hit_share == 1.0 for value in one.latencies_ms]
    document["all_hit_100_p50_ms"] = round(percentiles(hits)["p50"], 3) if hits else NOT_MEASURED
    return document


def _warm(turns: Sequence[Turn], cold: Mapping[int, float]) -> dict[str, object]:
    over = Spread(tuple(turn.reading.pairs_per_s / cold[turn.round] for turn in turns if cold.get(turn.round)))
    return {
        "pairs_per_s": round(median(turn.reading.pairs_per_s for turn in turns), 2),
        "warm_over_cold": round(over.value, 3) if over.rounds else None,
        "warm_over_cold_spread": over.document() if over.rounds else NOT_MEASURED,
        "hit_share": round(median(turn.reading.hit_share for turn in turns), 4),
    }


def loop_document(record: Record) -> dict[str, object]:
    """How late the gateway's event loop was while it was loaded: the smallest bound in milliseconds that 99 % of its
    timers in all rounds kept."""
    timers: dict[float, int] = defaultdict(int)
    for one in record.timers:
        for bound, count in one.items():
            timers[bound] += count
    total = max(timers.values(), default=0)
    kept = [1000 * bound for bound in sorted(timers) if timers[bound] >= 0.99 * total and math.isfinite(bound)]
    if not total:
        return {"p99_at_most_ms": NOT_MEASURED}
    late = {f"{1000 * bound:g}": count for bound, count in sorted(timers.items()) if math.isfinite(bound)}
    return {"p99_at_most_ms": kept[0] if kept else None, "timers": total, "late_by_at_most_ms": late}


def alone_document(record: Record, mix: str) -> dict[str, object]:
    """One caller, 100 candidates: p50 by system in milliseconds, the gateway's over each server's, round by round, and
    the share of the gateway's time in which nothing waited for the model."""
    found: dict[str, list[Reading]] = defaultdict(list)
    for turn in record.turns:
        if turn.reading.load.kind == ALONE and turn.reading.load.mix == mix and turn.reading.latencies_ms:
            found[turn.reading.system].append(turn.reading)
    p50 = {name: Spread(tuple(one.latency()["p50"] for one in readings)) for name, readings in found.items()}
    ours = p50.get(GATEWAY)
    shares = [one.outside_model_share for one in found.get(GATEWAY, []) if one.outside_model_share is not None]
    return {
        "p50_ms": {name: one.document() for name, one in p50.items()},
        "gateway_over": {name: _over(ours, one).document() for name, one in p50.items() if ours and name != GATEWAY},
        "outside_model_share": Spread(tuple(shares)).document() if shares else NOT_MEASURED,
    }


def callers_document(record: Record, mix: str) -> dict[str, float]:
    """The gateway's capacity in pairs a second by callers x candidates: median of rounds."""
    found: dict[str, list[float]] = defaultdict(list)
    for one in record.readings(GATEWAY):
        if one.load.kind == "capacity" and one.load.mix == mix:
            found[f"{one.load.callers}x{one.load.candidates}"].append(one.pairs_per_s)
    return {key: round(median(rates), 2) for key, rates in found.items()}


def medians(found: Mapping[str, Spread], names: Sequence[str], digits: int) -> dict[str, float | None]:
    """By name; None where a system is absent."""
    return {name: round(found[name].value, digits) if name in found else None for name in names}


def _latency(readings: Sequence[Reading]) -> dict[str, object]:
    raw = [value for one in readings for value in one.latencies_ms]
    found = percentiles(raw)
    if not found:
        known = [one.percentiles for one in readings if one.percentiles]
        found = {name: median(one[name] for one in known) for name in (known[0] if known else {})}
    rates = [one.load.rate for one in readings if one.load.rate]
    return {
        **{name: round(value, 3) for name, value in found.items()},
        "requests": len(raw),
        "pairs_per_s": round(median(one.pairs_per_s for one in readings), 2),
        "offered_requests_per_s": round(median(rates), 3) if rates else None,
        "driver_lateness_ms": round(max(one.lateness_ms for one in readings), 3),
        "degraded": sum(one.degraded for one in readings),
        "failed": sum(one.failed for one in readings),
    }
