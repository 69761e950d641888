"""The benchmark's pictures. Knows no page."""

from collections.abc import Mapping, Sequence
from typing import Any

from clients.load.bench.result.summary import GATEWAY, Spread
from training.report_kit import svg
from training.report_kit.svg import Figure

OURS, PEER, LIMIT = svg.GREEN, svg.BLUE, svg.AMBER
_LIMITS = {"bare_engine", "triton"}


def rates(found: Mapping[str, Spread]) -> Figure:
    """Pairs a second by system: median, and the rounds between their extremes."""
    figure, (axes,) = svg.rows(_names(found))
    for place, (name, one) in enumerate(found.items()):
        axes.barh(place, one.value, height=0.68, color=_colour(name))
        axes.plot((min(one.rounds), max(one.rounds)), (place, place), color=svg.text_colour(), linewidth=1.3)
        svg.label(axes, f"{one.value:,.0f}", max(one.rounds), place)
    axes.set_xlim(0, 1.15 * max(max(one.rounds) for one in found.values()) or 1.0)
    axes.set_xlabel("pairs a second; line: lowest to highest round")
    return figure


def latencies(document: Mapping[str, Mapping[str, Any]]) -> Figure:
    """p50, p95 and p99 of the gateway's open loops; one whose requests all failed has none."""
    start = f"{GATEWAY}_open_"
    open_loops = {key: one for key, one in document.items() if key.startswith(start) and "p50" in one}
    figure, (axes,) = svg.rows([key.removeprefix(start) for key in open_loops])
    for percentile, marker in (("p50", "o"), ("p95", "s"), ("p99", "^")):
        values = [float(one[percentile]) for one in open_loops.values()]
        axes.scatter(values, range(len(values)), marker=marker, s=26, color=OURS, label=percentile)
    if open_loops:
        axes.set_xscale("log")
        svg.plain_numbers(axes.xaxis)
        svg.legend_above(axes)
    axes.set_xlabel("milliseconds from the moment a request was due; callers x candidates")
    return figure


def costs(document: Mapping[str, Mapping[str, float]]) -> Figure:
    """Processor seconds for 1,000 pairs, and memory."""
    figure, panels = svg.rows(_names(document), panels=2)
    shown = {"cpu_s_per_1000_pairs": "processor seconds for 1,000 pairs", "peak_memory_mb": "peak memory, MB"}
    for axes, (key, label) in zip(panels, shown.items(), strict=True):
        values = [one[key] for one in document.values()]
        bars = axes.barh(range(len(values)), values, height=0.68, color=[_colour(name) for name in document])
        axes.bar_label(bars, fmt="{:,.4g}", padding=3)
        axes.margins(x=0.2)
        axes.set_xlabel(label)
    return figure


def _names(systems: Mapping[str, object]) -> Sequence[str]:
    return [name.replace("_", " ") for name in systems]


def _colour(name: str) -> str:
    return OURS if name == GATEWAY else LIMIT if name in _LIMITS else PEER
