"""The pictures of a sweep: every answered level a point, every refused one a line."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from clients.load.sweep.plot import DARK, LIGHT, Plot, draw, goodput, latencies
from clients.load.sweep.report import TargetSweep
from tests.clients.load.sweeps import invented_sweep


@pytest.fixture(scope="module")
def target() -> TargetSweep:
    return invented_sweep(seconds=5.0).targets[0]


def test_latencies_are_drawn_over_the_rates_that_were_answered(target: TargetSweep) -> None:
    axes = Figure().subplots()
    latencies(axes, target)
    drawn = {str(line.get_label()): line for line in axes.get_lines()}
    answered = [level for level in target.levels if level.measured]
    assert list(drawn) == ["p50", "p95", "p99"]
    for name, line in drawn.items():
        assert np.asarray(line.get_xdata()).tolist() == [level.offered_per_s for level in answered]
        assert np.asarray(line.get_ydata()).tolist() == [getattr(level.measured, f"{name}_ms") for level in answered]
    assert axes.get_yscale() == "log"


def test_goodput_stands_beside_all_that_is_offered_up_to_the_refused_rate(target: TargetSweep) -> None:
    axes = Figure().subplots()
    goodput(axes, target)
    ideal, found = axes.get_lines()
    most = target.levels[-1].offered_per_s
    assert np.asarray(ideal.get_xdata()).tolist() == np.asarray(ideal.get_ydata()).tolist() == [0, most]
    assert len(np.asarray(found.get_xdata())) == len(target.levels) - 1
    assert axes.get_ylim()[0] == 0


@pytest.mark.parametrize("plot", [latencies, goodput])
def test_a_sweep_that_was_refused_at_once_is_drawn_with_its_line(plot: Plot, target: TargetSweep) -> None:
    refused = replace(target, levels=target.levels[-1:])
    ET.fromstring(draw(plot, refused, LIGHT))
    assert b"stroke-dasharray" in draw(plot, refused, LIGHT)


def test_a_dark_page_gets_the_same_picture_in_light_ink(target: TargetSweep) -> None:
    light, dark = draw(goodput, target, LIGHT).decode(), draw(goodput, target, DARK).decode()
    assert LIGHT.text in light
    assert LIGHT.text not in dark
    assert DARK.text in dark
    inked = light.replace(LIGHT.text, DARK.text).replace(LIGHT.grid, DARK.grid)
    marker = re.compile("m[0-9a-f]{10}")  # a marker is named after its looks
    assert marker.sub("m", inked) == marker.sub("m", dark)
