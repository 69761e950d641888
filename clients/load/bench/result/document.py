"""The outcome of a benchmark as one JSON document with stable keys. Must not measure, and knows no file."""

from collections.abc import Mapping
from typing import Any

from clients.load.bench.benchmark import Outcome
from clients.load.bench.result import summary


def build_document(outcome: Outcome, recommend: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of the first mix stand at the top; those of every mix under ``by_mix``. An absent system has null."""
    mixes = list(outcome.plan["mixes"])
    by_mix = {mix: _of_mix(outcome, mix) for mix in mixes}
    return {
        **by_mix[mixes[0]],
        "agreement": outcome.agreement,
        "recommend": dict(recommend),
        "event_loop_lag": summary.loop_document(outcome.record),
        "absent": _absent(outcome),
        "by_mix": {mix: by_mix[mix] for mix in mixes[1:]},
        "plan": outcome.plan,
        "texts": outcome.texts,
        "machine": outcome.machine,
        "versions": outcome.versions,
        "rounds": [
            {"round": turn.round, "place": turn.place, **turn.reading.document()} for turn in outcome.record.turns
        ],
    }


def _of_mix(outcome: Outcome, mix: str) -> dict[str, Any]:
    record = outcome.record
    rates = summary.throughput(record, mix)
    ratios = summary.ratios(rates)
    return {
        "pairs_per_s": summary.medians(rates, summary.SYSTEMS, 3),
        "pairs_per_s_spread": {name: one.document() for name, one in rates.items()},
        "ratios": summary.medians(ratios, summary.RATIOS, 4),
        "ratios_spread": {name: one.document() for name, one in ratios.items()},
        "latency_ms": summary.latencies(record, mix),
        "cost": summary.costs(record, mix),
        "alone": summary.alone_document(record, mix),
        "capacity": summary.callers_document(record, mix),
        "warm": summary.warm_document(record, mix),
    }


def _absent(outcome: Outcome) -> dict[str, str]:
    """Why: what failed, or that nobody asked for it."""
    asked = set(outcome.plan["systems"])
    unasked = {name: "not asked for: --systems" for name in summary.SYSTEMS if name not in asked}
    return {**unasked, **outcome.record.absent}
