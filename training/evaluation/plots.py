"""The pictures of an evaluation. Knows no file and no page."""

from collections.abc import Callable, Sequence

from training.evaluation.evaluation import Evaluation
from training.evaluation.segments import SegmentResult
from training.metrics.ranking import DECIDING
from training.metrics.significance import PairedDifference
from training.report_kit import svg
from training.report_kit.svg import Axes, Figure

FIRST_STAGE, LEARNED, OTHER, FINAL = svg.BLUE, svg.AMBER, svg.VIOLET, svg.GREEN
PARTS = {FIRST_STAGE: "first stage", LEARNED: "learned, without the logit", OTHER: "other", FINAL: "final"}
"""Of a row."""

NAME = "NDCG@10"

Plot = Callable[[Evaluation], Figure]


def means(evaluation: Evaluation) -> Figure:
    """Every row's NDCG@10 with its interval, and what a random order has."""
    figure, (axes,) = svg.rows([one.name for one in evaluation.methods])
    for place, one in enumerate(evaluation.methods):
        found = one.intervals[DECIDING]
        axes.barh(place, found.mean, height=0.68, color=_colour(evaluation, one.name))
        axes.plot((found.low, found.high), (place, place), color=svg.text_colour(), linewidth=1.3)
        svg.label(axes, f"{found.mean:.4f}", found.high, place)
    axes.axvline(evaluation.random_ndcg, color=svg.text_colour(), linestyle=":", linewidth=1)
    axes.set_xlim(0, 1.12 * max(one.intervals[DECIDING].high for one in evaluation.methods) or 1)
    axes.set_xlabel(f"{NAME}, 95 % interval; dotted: a random order")
    colours = {_colour(evaluation, one.name) for one in evaluation.methods}
    for colour, name in PARTS.items():
        if colour in colours:
            axes.barh(0, 0, color=colour, label=name)
    svg.legend_above(axes)
    return figure


def differences(evaluation: Evaluation) -> Figure:
    """The final row less every other, on the same users."""
    figure, (axes,) = svg.rows(list(evaluation.paired))
    colours = [_colour(evaluation, name) for name in evaluation.paired]
    _draw_differences(axes, list(evaluation.paired.values()), colours)
    axes.set_xlabel(f"{NAME} of {evaluation.final} less that of the row, 95 % interval of the paired difference")
    return figure


def segments(evaluation: Evaluation) -> Figure:
    """Base and final by segment, and beside them their paired difference."""
    found = evaluation.segments
    figure, (levels, paired) = svg.rows([_label(one) for one in found], panels=2)
    for place, one in enumerate(found):
        levels.plot((one.base, one.final), (place, place), color=svg.grid_colour(), linewidth=3, zorder=1)
    levels.scatter([one.base for one in found], range(len(found)), s=28, color=FIRST_STAGE, label=evaluation.base)
    levels.scatter([one.final for one in found], range(len(found)), s=28, color=FINAL, label=evaluation.final)
    levels.set_xlim(left=0)
    levels.set_xlabel(NAME)
    svg.legend_above(levels)
    _draw_differences(paired, [one.paired for one in found], [FINAL] * len(found))
    paired.set_xlabel("paired difference, 95 % interval")
    for place in range(1, len(found)):
        if found[place].group != found[place - 1].group:
            for axes in (levels, paired):
                axes.axhline(place - 0.5, color=svg.text_colour(), linewidth=0.6)
    return figure


def movement(evaluation: Evaluation) -> Figure:
    """How many targets moved how far."""
    moved = evaluation.movement.moved
    figure, axes = svg.figure(2.8)
    colours = [
        FINAL if name.startswith("up") else LEARNED if name.startswith("down") else FIRST_STAGE for name in moved
    ]
    bars = axes.bar(list(moved), list(moved.values()), color=colours)
    axes.bar_label(bars, fmt="{:,.0f}", color=svg.text_colour())
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_yticks([])
    axes.set_xlabel(f"ranks from {evaluation.base} to {evaluation.final}")
    axes.set_ylabel("targets")
    return figure


def _colour(evaluation: Evaluation, name: str) -> str:
    plan = evaluation.plan
    known = {**dict.fromkeys(plan.first_stage, FIRST_STAGE), **dict.fromkeys(plan.learned_without, LEARNED)}
    return {**known, plan.final: FINAL}.get(name, OTHER)


def _label(one: SegmentResult) -> str:
    group = one.group.partition(",")[0]
    return f"{group}: {one.name} ({one.lists:,})"


def _draw_differences(axes: Axes, found: Sequence[PairedDifference], colours: Sequence[str]) -> None:
    axes.axvline(0, color=svg.text_colour(), linewidth=1)
    for place, (one, colour) in enumerate(zip(found, colours, strict=True)):
        axes.plot((one.low, one.high), (place, place), color=colour, linewidth=2)
        axes.scatter([one.difference], [place], s=28, color=colour, zorder=3)
        svg.label(axes, f"{one.difference:+.4f} {one.mark}".rstrip(), one.high, place)
    low, high = min(0, *(one.low for one in found)), max(0, *(one.high for one in found))
    axes.set_xlim(low - 0.04 * (high - low), high + 0.3 * (high - low) or 1)
