"""The benchmark's pictures: SVG with what was measured, also where next to nothing was."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from clients.load.bench.result import plots, summary
from clients.load.bench.result.document import build_document
from clients.load.bench.result.page import render_page
from clients.load.bench.result.summary import Spread
from tests.clients.load.bench.made import made, record_of
from tests.clients.load.bench.result.test_document import RECOMMEND, full_record, outcome
from training.report_kit.svg import LIGHT, Figure, draw

RATES = {"infinity_int8": Spread((90.0, 100.0, 120.0)), "gateway": Spread((400.0, 300.0, 350.0))}
COSTS = {name: {"cpu_s_per_1000_pairs": 2.5, "peak_memory_mb": 1234.0} for name in RATES}


def drawn(plot: Callable[[Any], Figure], found: Any) -> bytes:
    return draw(lambda: plot(found), LIGHT)


def colours(svg: bytes) -> set[str]:
    """Of filled shapes."""
    ET.fromstring(svg)
    text = svg.decode("utf-8")
    return {colour for colour in (plots.OURS, plots.PEER, plots.LIMIT) if f"fill: {colour}" in text}


def test_the_gateway_is_told_apart_from_peers_and_from_limits() -> None:
    assert colours(drawn(plots.rates, RATES)) == {plots.OURS, plots.PEER}
    assert colours(drawn(plots.rates, {**RATES, "bare_engine": Spread((500.0,))})) == {
        plots.OURS,
        plots.PEER,
        plots.LIMIT,
    }
    assert colours(drawn(plots.costs, COSTS)) == {plots.OURS, plots.PEER}


def test_the_same_numbers_give_the_same_picture_and_others_another() -> None:
    assert drawn(plots.rates, RATES) == drawn(plots.rates, dict(RATES))
    assert drawn(plots.rates, RATES) != drawn(plots.rates, {**RATES, "gateway": Spread((400.0, 300.0, 351.0))})
    assert drawn(plots.costs, COSTS) == drawn(plots.costs, COSTS)


def test_a_system_that_answered_nothing_is_drawn_as_nothing() -> None:
    assert colours(drawn(plots.rates, {"gateway": Spread((0.0, 0.0))})) == {plots.OURS}


def test_more_systems_make_a_taller_picture() -> None:
    def height(svg: bytes) -> float:
        return float(ET.fromstring(svg).attrib["height"].removesuffix("pt"))

    assert height(drawn(plots.rates, RATES)) > height(drawn(plots.rates, {"gateway": Spread((1.0,))}))


def test_latencies_are_those_of_open_loops_of_the_gateway() -> None:
    document: dict[str, Any] = dict(summary.latencies(full_record(), "mixed"))
    only_open = {key: one for key, one in document.items() if key.startswith("gateway_open_")}
    assert len(only_open) == 1
    assert len(document) > len(only_open)
    assert drawn(plots.latencies, document) == drawn(plots.latencies, only_open)
    assert drawn(plots.latencies, document) != drawn(plots.latencies, {})


def test_an_open_loop_whose_requests_all_failed_has_no_latency_to_draw_but_a_line_on_the_page() -> None:
    failed = replace(made("gateway", 0.0, "open"), latencies_ms=(), failed=7)
    record = record_of([made("gateway", 50.0), failed])
    document = build_document(outcome(record), RECOMMEND)
    found = document["latency_ms"]["gateway_open_4x100"]
    assert (found["failed"], found["requests"]) == (7, 0)
    assert "p50" not in found
    page = render_page(document, summary.throughput(record, "mixed"))
    assert "<td>gateway_open_4x100</td>" in page


@pytest.mark.parametrize("name", ["gateway", "sentence_transformers"])
def test_a_rate_without_a_spread_is_drawn_too(name: str) -> None:
    assert len(colours(drawn(plots.rates, {name: Spread((12.5,))}))) == 1
