"""The benchmark's pictures: SVG that needs nothing else. Knows no page."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clients.load.bench.result.summary import GATEWAY, Spread

OURS, PEER, LIMIT = "#2f9e77", "#7f95ad", "#d59a3c"
_LIMITS = {"bare_engine", "triton"}
_WIDTH_INCHES = 8.0
_GREY = "#87919b"
"""Grey text is read on a light and on a dark page."""


def rates(found: Mapping[str, Spread]) -> bytes:
    """Pairs a second by system: median, and the rounds between their extremes."""
    with _style():
        figure, axes = _figure(0.9 + 0.36 * len(found))
        for place, (name, one) in enumerate(found.items()):
            axes.barh(place, one.value, height=0.66, color=_colour(name))
            axes.plot((min(one.rounds), max(one.rounds)), (place, place), color=_GREY, linewidth=1.4)
            label = f"{one.value:,.0f}"
            axes.annotate(label, (max(one.rounds), place), (5, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(found)), [name.replace("_", " ") for name in found])
        axes.invert_yaxis()
        axes.set_xlim(0, 1.15 * max(max(one.rounds) for one in found.values()) or 1.0)
        axes.set_xlabel("pairs a second; line: lowest to highest round")
        return _svg(figure)


def latencies(document: Mapping[str, Mapping[str, Any]]) -> bytes:
    """p50, p95 and p99 of the gateway's open loops; one whose requests all failed has none."""
    open_loops = [key for key, one in document.items() if key.startswith(f"{GATEWAY}_open_") and "p50" in one]
    with _style():
        figure, axes = _figure(1.0 + 0.32 * max(1, len(open_loops)))
        for percentile, marker in (("p50", "o"), ("p95", "s"), ("p99", "^")):
            values = [float(document[key][percentile]) for key in open_loops]
            axes.scatter(values, range(len(values)), marker=marker, s=26, color=OURS, label=percentile)
        axes.set_yticks(range(len(open_loops)), [key.removeprefix(f"{GATEWAY}_open_") for key in open_loops])
        axes.invert_yaxis()
        if open_loops:
            axes.set_xscale("log")
            axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        axes.set_xlabel("milliseconds from the moment a request was due; callers x candidates")
        return _svg(figure)


def costs(document: Mapping[str, Mapping[str, float]]) -> bytes:
    """Processor seconds for 1,000 pairs, and memory."""
    with _style():
        figure = Figure(figsize=(_WIDTH_INCHES, 0.9 + 0.36 * len(document)), layout="constrained")
        names = list(document)
        for number, (key, label) in enumerate(
            (("cpu_s_per_1000_pairs", "processor seconds for 1,000 pairs"), ("peak_memory_mb", "peak memory, MB"))
        ):
            axes = _plain(figure.add_subplot(1, 2, number + 1))
            values: Sequence[float] = [document[name][key] for name in names]
            bars = axes.barh(range(len(names)), values, height=0.66, color=[_colour(name) for name in names])
            axes.bar_label(bars, fmt="{:,.4g}", padding=3, color=_GREY)
            axes.set_yticks(range(len(names)), [name.replace("_", " ") if number == 0 else "" for name in names])
            axes.invert_yaxis()
            axes.margins(x=0.2)
            axes.set_xlabel(label)
        return _svg(figure)


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    return figure, _plain(figure.add_subplot())


def _plain(axes: Axes) -> Axes:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    return axes


def _colour(name: str) -> str:
    return OURS if name == GATEWAY else LIMIT if name in _LIMITS else PEER


def _svg(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _style() -> AbstractContextManager[None]:
    return mpl.rc_context(
        {
            "text.color": _GREY,
            "axes.labelcolor": _GREY,
            "xtick.color": _GREY,
            "ytick.color": _GREY,
            "axes.edgecolor": _GREY,
            "grid.color": _GREY,
            "grid.alpha": 0.3,
            "font.size": 9,
            "svg.hashsalt": "bench",
        }
    )
