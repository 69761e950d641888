"""A ranked list for people: what each cell says, and what is told about the list."""

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from clients.command_line.ask.ranked_table import about, milliseconds, moved, number, print_ranked, stage_times, title
from clients.command_line.shared import console
from crossrank_client import RankedItem, RankedList, RankingMetadata, StageTime
from crossrank_client.results import Contribution, Degradation, Usage


def metadata(*degraded: Degradation, stages: tuple[StageTime, ...] = ()) -> RankingMetadata:
    return RankingMetadata(
        request_id="r-1",
        attribution_token="t-1",
        model="cross_encoder",
        model_version="3",
        encoding_fingerprint="0123456789abcdef" * 2,
        degraded=degraded,
        candidate_count=200,
        scored_count=150,
        cache_hits=40,
        coalesced=0,
        stages=stages,
        total_s=0.0456,
        usage=Usage(),
    )


def item(rank: int = 1, first: int = 1, **others: Any) -> RankedItem:
    return RankedItem("i-1", rank, first, **{"logit": 1.25, "score": 0.777, **others})


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(console, "results", Console(file=stream, width=160, highlight=False))
    return stream


def printed(shown: io.StringIO, *items: RankedItem) -> list[str]:
    """Lines with single spaces."""
    print_ranked(RankedList(items, metadata()))
    return [" ".join(line.split()) for line in shown.getvalue().splitlines()]


@pytest.mark.parametrize(("rank", "first", "told"), [(1, 9, "▲ 8"), (9, 1, "▼ 8"), (4, 4, "=")])
def test_moves_are_told_in_places_and_without_a_sign(rank: int, first: int, told: str) -> None:
    assert moved(item(rank, first)).plain == told


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"year": "1995", "title": "Heat"}, "Heat"),
        ({"title": "", "brand": "", "label": "Tent 2"}, "Tent 2"),
        ({"title": "", "brand": ""}, "i-1"),
        ({}, "i-1"),
    ],
)
def test_an_item_is_called_by_its_title_else_its_first_text_else_its_id(fields: dict[str, str], told: str) -> None:
    assert title(fields, "i-1") == told


@pytest.mark.parametrize(("value", "told"), [(None, "–"), (0.0, "0.000"), (-1.23456, "-1.235"), (12.0, "12.000")])
def test_zero_is_a_number_and_a_missing_one_is_a_dash(value: float | None, told: str) -> None:
    assert number(value) == told


def test_times_are_milliseconds_in_the_order_of_the_path() -> None:
    assert milliseconds(0.00004) == "0.0 ms"
    assert stage_times([StageTime("score", 1.5), StageTime("fetch", 0.002)]) == "score 1500.0 ms · fetch 2.0 ms"
    assert stage_times([]) == ""


def test_a_whole_answer_is_told_in_two_lines_what_ordered_it_first() -> None:
    answer = replace(metadata(stages=(StageTime("fetch", 0.01),)), ordered_by="TREES", ordered_by_version="abc")
    order, times = (line.plain for line in about(answer))
    assert order == (
        "ordered by trees abc · 200 candidates, 150 read by cross_encoder version 3, 40 logits from the cache"
    )
    assert times == "fetch 10.0 ms · total 45.6 ms"


def test_a_list_of_which_nothing_was_read_says_so_in_the_word_that_others_use() -> None:
    order, _ = (line.plain for line in about(replace(metadata(), scored_count=0, cache_hits=0)))
    assert order.endswith(" · 200 candidates, none read by the cross-encoder")


def test_a_list_that_nothing_ordered_is_told_to_be_the_callers() -> None:
    order, _ = (
        line.plain for line in about(replace(metadata(), ordered_by="FIRST_STAGE", ordered_by_version="caller"))
    )
    assert order.startswith("in the order that was given: nothing was measured to be better · 200 candidates")


def test_every_degradation_comes_first_in_its_own_line_and_as_it_was_written() -> None:
    lines = [
        line.plain
        for line in about(metadata(Degradation("DEADLINE", "[red]50[/red] of 200"), Degradation("CACHE", "away")))
    ]
    assert len(lines) == 4
    assert lines[0].split() == ["DEGRADED", "DEADLINE:", "[red]50[/red]", "of", "200"]
    assert lines[1].split() == ["DEGRADED", "CACHE:", "away"]


def test_a_row_holds_both_numbers_its_sources_and_every_note(shown: io.StringIO) -> None:
    sources, fields = ("text_ann", "popular"), {"title": "Amélie [uncut]"}
    lines = printed(shown, item(2, 5, sources=sources, fields=fields, cached=True, truncated=True, score_invalid=True))
    assert lines[0] == "rank moved item title score logit proposed by"
    assert lines[1] == "2 ▲ 3 i-1 Amélie [uncut] 0.777 1.250 2 sources cached, cut, no valid score"


def test_an_item_that_was_not_scored_has_dashes_and_no_note(shown: io.StringIO) -> None:
    assert printed(shown, item(logit=None, score=None))[1] == "1 = i-1 – –"


def test_reasons_stand_in_a_column_of_their_own_the_first_three_only(shown: io.StringIO) -> None:
    reasons = tuple(Contribution(f"h{place}", 1.0 - place) for place in range(4))
    lines = printed(shown, item(contributions=reasons), item(2, 2))
    assert lines[0].endswith("because of")
    assert lines[1].endswith("h0 +1.00, h1 +0.00, h2 -1.00")
    assert lines[2] == "2 = i-1 0.777 1.250"


def test_an_empty_list_still_tells_how_it_came_about(shown: io.StringIO) -> None:
    lines = printed(shown)
    assert lines[0] == "rank moved item title score logit proposed by"
    assert any("200 candidates" in line for line in lines)
