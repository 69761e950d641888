"""Figures as SVG: the same bytes for the same figure, in the ink of either page."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from training.report_kit import svg
from training.report_kit.svg import DARK, LIGHT, Figure, draw


def bars() -> Figure:
    figure, (axes,) = svg.rows(["first", "second"])
    axes.barh([0, 1], [3.0, 4.0], color=svg.GREEN, label="found")
    axes.axvline(2, color=svg.text_colour())
    axes.plot([1, 2], [0, 0], color=svg.grid_colour())
    svg.label(axes, "four", 4.0, 1)
    svg.legend_above(axes)
    return figure


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_figure_is_svg_that_fetches_nothing(theme: svg.Theme) -> None:
    drawn = draw(bars, theme)
    assert ET.fromstring(drawn).tag == "{http://www.w3.org/2000/svg}svg"
    assert re.findall(r'href="(?!#)', drawn.decode()) == []


def test_the_same_figure_gives_the_same_bytes() -> None:
    assert draw(bars, LIGHT) == draw(bars, LIGHT)


def test_a_dark_page_gets_the_same_picture_in_light_ink() -> None:
    light, dark = draw(bars, LIGHT).decode(), draw(bars, DARK).decode()
    assert LIGHT.text in light
    assert LIGHT.grid in light
    assert LIGHT.text not in dark
    assert DARK.text in dark
    inked = light.replace(LIGHT.text, DARK.text).replace(LIGHT.grid, DARK.grid)
    marker = re.compile("m[0-9a-f]{10}")  # a marker is named after its looks
    assert marker.sub("m", inked) == marker.sub("m", dark)


def test_a_theme_ends_with_its_drawing() -> None:
    before = svg.text_colour()
    draw(bars, DARK)
    assert svg.text_colour() == before != DARK.text


def test_the_first_row_stands_on_top_and_only_the_first_panel_names_them() -> None:
    _, (left, right) = svg.rows(["first", "second"], panels=2)
    bottom, top = left.get_ylim()
    assert bottom > top
    assert [text.get_text() for text in left.get_yticklabels()] == ["first", "second"]
    assert [text.get_text() for text in right.get_yticklabels()] == ["", ""]


def test_more_rows_make_a_taller_figure_and_none_is_still_one() -> None:
    heights = [svg.rows([str(name) for name in range(count)])[0].get_figheight() for count in (0, 2, 9)]
    assert 1 < heights[0] < heights[1] < heights[2]


def test_a_logarithmic_axis_has_plain_numbers() -> None:
    figure, axes = svg.figure(2)
    axes.plot([1, 2], [15, 700])
    axes.set_yscale("log")
    svg.plain_numbers(axes.yaxis)
    figure.draw_without_rendering()
    labels = [text.get_text() for text in axes.get_yticklabels(which="both")]
    assert "100" in labels
    assert all(label.replace(".", "").isdigit() for label in labels if label)


def test_a_saved_figure_stands_on_white_in_both_formats(tmp_path: Path) -> None:
    vector, pixels = svg.save(bars(), tmp_path / "bars")
    assert (vector.name, pixels.name) == ("bars.svg", "bars.png")
    assert b"fill: #ffffff" in vector.read_bytes()
    assert pixels.read_bytes().startswith(b"\x89PNG")
    first = vector.read_bytes()
    svg.save(bars(), tmp_path / "bars")
    assert vector.read_bytes() == first
