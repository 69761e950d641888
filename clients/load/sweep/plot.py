"""The pictures of a sweep: latency and goodput against the offered load. Knows no page."""

from collections.abc import Sequence

from clients.load.sweep.report import Level, TargetSweep
from training.report_kit import svg
from training.report_kit.svg import Axes, Figure

_COLOURS = {"p50": svg.GREEN, "p95": svg.AMBER, "p99": svg.VIOLET}


def latencies(sweep: TargetSweep) -> Figure:
    """p50, p95 and p99, on a logarithmic scale."""
    figure, axes = _against_offered(sweep)
    answered = _answered(sweep)
    for name, colour in _COLOURS.items():
        _curve(axes, answered, f"{name}_ms", colour, name)
    if answered:
        axes.set_yscale("log")
        svg.plain_numbers(axes.yaxis)
    axes.set_ylabel("latency, ms")
    axes.legend(frameon=False)
    return figure


def goodput(sweep: TargetSweep) -> Figure:
    """Answers a second, beside the line on which all are answered at once."""
    figure, axes = _against_offered(sweep)
    most = max(level.offered_per_s for level in sweep.levels)
    axes.plot((0, most), (0, most), color=_COLOURS["p95"], linewidth=1, label="all that is offered")
    _curve(axes, _answered(sweep), "requests_per_s", _COLOURS["p50"], "goodput")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("answers a second")
    axes.legend(frameon=False)
    return figure


def _answered(sweep: TargetSweep) -> Sequence[Level]:
    return [level for level in sweep.levels if level.runs and not level.failure]


def _curve(axes: Axes, levels: Sequence[Level], name: str, colour: str, label: str) -> None:
    """The medians, joined, with bars from the lowest to the highest run."""
    rates, spreads = [level.offered_per_s for level in levels], [level.spread(name) for level in levels]
    axes.plot(rates, [middle for _, middle, _ in spreads], color=colour, marker="o", label=label)
    axes.vlines(rates, [low for low, _, _ in spreads], [high for _, _, high in spreads], color=colour)


def _against_offered(sweep: TargetSweep) -> tuple[Figure, Axes]:
    figure, axes = svg.figure(3.4)
    axes.axvline(sweep.full.requests_per_s, color=svg.text_colour(), linestyle=":", linewidth=1)
    for level in sweep.levels:
        if level.failure:
            axes.axvline(level.offered_per_s, color=_COLOURS["p99"], linestyle="--", linewidth=1)
    axes.set_xlabel("requests offered a second; dotted: what a closed loop gets, dashed: not answered in full")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.6)
    return figure, axes
