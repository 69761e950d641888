"""The pictures of a sweep: every answered level a point with its spread, every refused one a line."""

import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from clients.load.sweep.plot import goodput, latencies
from clients.load.sweep.report import TargetSweep
from tests.clients.load.sweeps import REFUSED, invented_target
from training.report_kit.svg import LIGHT, Axes, Figure, draw

ANSWERED = invented_target().levels[:-1]


def curves(axes: Axes) -> dict[str, tuple[list[float], list[float]]]:
    """What has a name, as rates and values."""
    named = {str(line.get_label()): line for line in axes.get_lines() if not str(line.get_label()).startswith("_")}
    return {
        name: (np.asarray(line.get_xdata()).tolist(), np.asarray(line.get_ydata()).tolist())
        for name, line in named.items()
    }


def bars(axes: Axes) -> Sequence[list[list[float]]]:
    """Vertical ones: their ends."""
    found = [one for one in axes.collections if isinstance(one, LineCollection)]
    return [np.asarray(segment).tolist() for one in found for segment in one.get_segments()]


def test_latencies_are_medians_over_the_rates_that_were_answered() -> None:
    (axes,) = latencies(invented_target()).axes
    drawn = curves(axes)
    assert list(drawn) == ["p50", "p95", "p99"]
    for name, (rates, values) in drawn.items():
        assert rates == [level.offered_per_s for level in ANSWERED]
        assert values == [level.spread(f"{name}_ms")[1] for level in ANSWERED]
    assert axes.get_yscale() == "log"


def test_a_bar_reaches_from_the_lowest_run_to_the_highest() -> None:
    (axes,) = latencies(invented_target()).axes
    assert [[40.0, 150.0], [40.0, 320.0]] in bars(axes)
    assert len(bars(axes)) == 3 * len(ANSWERED)


def test_goodput_stands_beside_all_that_is_offered_up_to_the_refused_rate() -> None:
    (axes,) = goodput(invented_target()).axes
    drawn = curves(axes)
    assert drawn["all that is offered"] == ([0, REFUSED.rate], [0, REFUSED.rate])
    assert len(drawn["goodput"][0]) == len(ANSWERED)
    assert axes.get_ylim()[0] == 0


@pytest.mark.parametrize("plot", [latencies, goodput])
def test_a_sweep_that_was_refused_at_once_is_drawn_with_its_line(plot: Callable[[TargetSweep], Figure]) -> None:
    svg = draw(lambda: plot(invented_target(REFUSED)), LIGHT)
    ET.fromstring(svg)
    assert b"stroke-dasharray" in svg
