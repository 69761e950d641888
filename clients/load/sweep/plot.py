"""A sweep as pictures: latency and goodput against the offered load, as SVG that needs nothing else. Knows no page."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from clients.load.sweep.report import TargetSweep

_COLOURS = {"p50": "#2f9e77", "p95": "#d59a3c", "p99": "#8d7fd1"}
"""Told apart on light and dark grounds, also by readers who do not tell red from green."""

Plot = Callable[[Axes, TargetSweep], None]


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours that differ between a light and a dark page; the ground is the page's own."""

    text: str
    grid: str


LIGHT, DARK = Theme("#1f2933", "#d9dee4"), Theme("#e4e7eb", "#3c444d")


def draw(plot: Plot, sweep: TargetSweep, theme: Theme) -> bytes:
    """The plot as SVG, the same for the same sweep."""
    text, grid = theme.text, theme.grid
    with mpl.rc_context(
        {
            "text.color": text,
            "axes.labelcolor": text,
            "xtick.color": text,
            "ytick.color": text,
            "axes.edgecolor": grid,
            "grid.color": grid,
            "svg.hashsalt": "sweep",
        }
    ):
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        axes = figure.subplots()
        plot(axes, sweep)
        axes.axvline(sweep.full.requests_per_s, color=text, linestyle=":", linewidth=1)
        for level in sweep.levels:
            if level.measured is None:
                axes.axvline(level.offered_per_s, color=_COLOURS["p99"], linestyle="--", linewidth=1)
        axes.set_xlabel("requests offered a second; dotted: what a closed loop gets, dashed: not answered in full")
        axes.set_xlim(left=0)
        axes.grid(alpha=0.6)
        axes.legend(frameon=False)
        buffer = BytesIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def latencies(axes: Axes, sweep: TargetSweep) -> None:
    """p50, p95 and p99, on a logarithmic scale."""
    answered = [(level.offered_per_s, level.measured) for level in sweep.levels if level.measured]
    for name, colour in _COLOURS.items():
        values = [getattr(measured, f"{name}_ms") for _, measured in answered]
        axes.plot([rate for rate, _ in answered], values, color=colour, marker="o", label=name)
    if answered:
        axes.set_yscale("log")
    axes.set_ylabel("latency, ms")


def goodput(axes: Axes, sweep: TargetSweep) -> None:
    """Answers a second, beside the line on which all are answered at once."""
    answered = [(level.offered_per_s, level.measured.requests_per_s) for level in sweep.levels if level.measured]
    most = max(level.offered_per_s for level in sweep.levels)
    axes.plot((0, most), (0, most), color=_COLOURS["p95"], linewidth=1, label="all that is offered")
    axes.plot(
        [rate for rate, _ in answered],
        [per_s for _, per_s in answered],
        color=_COLOURS["p50"],
        marker="o",
        label="goodput",
    )
    axes.set_ylim(bottom=0)
    axes.set_ylabel("answers a second")
