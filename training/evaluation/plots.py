"""An evaluation as pictures: SVG that needs nothing else. Knows no file and no page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.evaluation.evaluation import Evaluation
from training.evaluation.segments import SegmentResult
from training.metrics.ranking import DECIDING
from training.metrics.significance import PairedDifference

FIRST_STAGE, LEARNED, OTHER, FINAL = "#7f95ad", "#d59a3c", "#8d7fd1", "#2f9e77"
PARTS = {FIRST_STAGE: "first stage", LEARNED: "learned, without the logit", OTHER: "other", FINAL: "final"}
"""Of a row; told apart on both grounds, also by readers who do not tell red from green."""

NAME = "NDCG@10"
_ROW_INCHES, _WIDTH_INCHES = 0.3, 8.0


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours that differ between a light and a dark page; the ground is the page's own."""

    text: str
    grid: str


LIGHT, DARK = Theme("#1f2933", "#d9dee4"), Theme("#e4e7eb", "#3c444d")

Plot = Callable[[Evaluation], Figure]


def draw(plot: Plot, evaluation: Evaluation, theme: Theme) -> bytes:
    """The plot as SVG, with text as shapes and nothing that changes from one drawing to the next."""
    text, grid = theme.text, theme.grid
    with mpl.rc_context(
        {
            "text.color": text,
            "axes.labelcolor": text,
            "xtick.color": text,
            "ytick.color": text,
            "axes.edgecolor": grid,
            "grid.color": grid,
            "font.size": 9,
            "svg.hashsalt": "report",
        }
    ):
        buffer = BytesIO()
        plot(evaluation).savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def means(evaluation: Evaluation) -> Figure:
    """Every row's NDCG@10 with its interval, and what a random order has."""
    figure, (axes,) = _rows([one.name for one in evaluation.methods])
    for place, one in enumerate(evaluation.methods):
        found = one.intervals[DECIDING]
        axes.barh(place, found.mean, height=0.68, color=_colour(evaluation, one.name))
        axes.plot((found.low, found.high), (place, place), color=_text(), linewidth=1.3)
        axes.annotate(f"{found.mean:.4f}", (found.high, place), (5, 0), textcoords="offset points", va="center")
    axes.axvline(evaluation.random_ndcg, color=_text(), linestyle=":", linewidth=1)
    axes.set_xlim(0, 1.12 * max(one.intervals[DECIDING].high for one in evaluation.methods) or 1)
    axes.set_xlabel(f"{NAME}, 95 % interval; dotted: a random order")
    colours = {_colour(evaluation, one.name) for one in evaluation.methods}
    for colour, name in PARTS.items():
        if colour in colours:
            axes.barh(0, 0, color=colour, label=name)
    _legend_above(axes)
    return figure


def differences(evaluation: Evaluation) -> Figure:
    """The final row less every other, on the same users."""
    figure, (axes,) = _rows(list(evaluation.paired))
    colours = [_colour(evaluation, name) for name in evaluation.paired]
    _draw_differences(axes, list(evaluation.paired.values()), colours)
    axes.set_xlabel(f"{NAME} of {evaluation.final} less that of the row, 95 % interval of the paired difference")
    return figure


def segments(evaluation: Evaluation) -> Figure:
    """Base and final by segment, and beside them their paired difference."""
    found = evaluation.segments
    figure, (levels, paired) = _rows([_label(one) for one in found], panels=2)
    for place, one in enumerate(found):
        levels.plot((one.base, one.final), (place, place), color=mpl.rcParams["grid.color"], linewidth=3, zorder=1)
    levels.scatter([one.base for one in found], range(len(found)), s=28, color=FIRST_STAGE, label=evaluation.base)
    levels.scatter([one.final for one in found], range(len(found)), s=28, color=FINAL, label=evaluation.final)
    levels.set_xlim(left=0)
    levels.set_xlabel(NAME)
    _legend_above(levels)
    _draw_differences(paired, [one.paired for one in found], [FINAL] * len(found))
    paired.set_xlabel("paired difference, 95 % interval")
    for place in range(1, len(found)):
        if found[place].group != found[place - 1].group:
            for axes in (levels, paired):
                axes.axhline(place - 0.5, color=_text(), linewidth=0.6)
    return figure


def movement(evaluation: Evaluation) -> Figure:
    """How many targets moved how far."""
    moved = evaluation.movement.moved
    figure = Figure(figsize=(_WIDTH_INCHES, 2.8), layout="constrained")
    axes = figure.add_subplot()
    colours = [
        FINAL if name.startswith("up") else LEARNED if name.startswith("down") else FIRST_STAGE for name in moved
    ]
    bars = axes.bar(list(moved), list(moved.values()), color=colours)
    axes.bar_label(bars, fmt="{:,.0f}", color=_text())
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_yticks([])
    axes.set_xlabel(f"ranks from {evaluation.base} to {evaluation.final}")
    axes.set_ylabel("targets")
    return figure


def _legend_above(axes: Axes) -> None:
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=len(PARTS), borderaxespad=0)


def _text() -> str:
    return str(mpl.rcParams["text.color"])


def _colour(evaluation: Evaluation, name: str) -> str:
    plan = evaluation.plan
    known = {**dict.fromkeys(plan.first_stage, FIRST_STAGE), **dict.fromkeys(plan.learned_without, LEARNED)}
    return {**known, plan.final: FINAL}.get(name, OTHER)


def _label(one: SegmentResult) -> str:
    group = one.group.partition(",")[0]
    return f"{group}: {one.name} ({one.lists:,})"


def _rows(names: Sequence[str], panels: int = 1) -> tuple[Figure, list[Axes]]:
    """Panels side by side with one line per name, the first one on top."""
    figure = Figure(figsize=(_WIDTH_INCHES, 0.8 + _ROW_INCHES * len(names)), layout="constrained")
    found = [figure.add_subplot(1, panels, number + 1) for number in range(panels)]
    for number, axes in enumerate(found):
        axes.set_yticks(range(len(names)), names if number == 0 else [""] * len(names))
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure, found


def _draw_differences(axes: Axes, found: Sequence[PairedDifference], colours: Sequence[str]) -> None:
    axes.axvline(0, color=_text(), linewidth=1)
    for place, (one, colour) in enumerate(zip(found, colours, strict=True)):
        axes.plot((one.low, one.high), (place, place), color=colour, linewidth=2)
        axes.scatter([one.difference], [place], s=28, color=colour, zorder=3)
        label = f"{one.difference:+.4f} {one.mark}".rstrip()
        axes.annotate(label, (one.high, place), (5, 0), textcoords="offset points", va="center", fontsize=8)
    low, high = min(0, *(one.low for one in found)), max(0, *(one.high for one in found))
    axes.set_xlim(low - 0.04 * (high - low), high + 0.3 * (high - low) or 1)
