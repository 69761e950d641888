"""Fields become text in the spec's order, with single spaces, and nothing stands for what is empty."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.encoding.render import (
    ContextFields,
    in_text_order,
    join_context,
    render_fields,
    render_head,
    render_history,
    render_item,
)
from tests.fakes.specs import FIELDS, small_spec

CONTEXT = small_spec().context
ITEM = small_spec().item


def test_the_order_is_that_of_the_spec_and_not_of_the_fields() -> None:
    assert render_item(ITEM, {"genres": "Crime", "year": "1995", "title": "Heat"}) == "Heat, year 1995, Crime"


def test_fields_that_the_spec_does_not_name_are_not_read() -> None:
    assert render_item(ITEM, {"title": "Heat", "plot": "a heist", "Title": "HEAT"}) == "Heat"


@pytest.mark.parametrize("blank", ["", " ", "\n\t", "\u00a0\u2003"])
def test_a_blank_field_leaves_neither_label_nor_separator(blank: str) -> None:
    assert render_item(ITEM, {"title": "Heat", "year": blank, "genres": "Crime"}) == "Heat, Crime"


@given(st.dictionaries(st.sampled_from(["title", "year", "genres"]), st.text(max_size=30)))
def test_white_space_of_any_script_is_folded_to_single_spaces(fields: dict[str, str]) -> None:
    text = render_fields(FIELDS, fields, " ")
    assert text == " ".join(text.split())
    words = [word for name in ("title", "year", "genres") for word in fields.get(name, "").split()]
    assert [word for word in text.split() if word != "year"] == [word for word in words if word != "year"]


def test_a_separator_inside_a_text_stays_as_it_is() -> None:
    assert render_item(ITEM, {"title": "Me, Myself & Irene | uncut", "year": "2000"}) == (
        "Me, Myself & Irene | uncut, year 2000"
    )


@pytest.mark.parametrize(
    ("query", "features", "head"),
    [
        ("", {}, ""),
        ("  ", {"mood": " "}, ""),
        (" old \n films ", {}, "query: old films"),
        ("", {"mood": "dark"}, "a dark"),
        ("old films", {"mood": "dark", "shoe_size": "44"}, "query: old films | a dark"),
    ],
)
def test_the_head_holds_query_and_features_where_there_are_any(query: str, features: dict[str, str], head: str) -> None:
    assert render_head(CONTEXT, ContextFields(query, features)) == head


def test_history_items_without_text_do_not_use_up_places() -> None:
    history = [{"title": " "}, {"plot": "x"}, *({"title": f"film {number}"} for number in range(6))]
    rendered = render_history(CONTEXT, ContextFields(history=history))
    assert rendered == {place: f"film {place - 2}" for place in range(2, 6)}, "by their place in what was given"


def test_a_spec_that_reads_no_history_renders_none() -> None:
    assert render_history(replace(CONTEXT, history_items=0), ContextFields(history=[{"title": "Heat"}])) == {}


def test_a_distinct_history_has_the_newest_of_those_that_read_alike_and_goes_further_back_instead() -> None:
    history = [{"title": title} for title in ("Socks", "Socks ", "Boots", "Socks", "Coat", "Boots", "Hat", "Scarf")]
    newest = render_history(CONTEXT, ContextFields(history=history))
    distinct = render_history(replace(CONTEXT, history_choice="distinct"), ContextFields(history=history))
    assert list(newest.values()) == ["Socks", "Socks", "Boots", "Socks"]
    assert distinct == {0: "Socks", 2: "Boots", 4: "Coat", 6: "Hat"}


def test_an_oldest_first_history_has_the_same_items_the_other_way_round() -> None:
    oldest_first = replace(CONTEXT, history_order="oldest_first", history_label="liked: ")
    assert join_context(oldest_first, "query: x", ["Heat", "Alien"]) == "query: x | liked: Alien | Heat"
    assert in_text_order(oldest_first, in_text_order(oldest_first, "abc")) == list("abc")
    assert in_text_order(CONTEXT, "abc") == list("abc")


def test_the_label_of_the_history_stands_once_and_only_before_items() -> None:
    labelled = replace(CONTEXT, history_label="liked: ")
    assert join_context(labelled, "query: x", ["Heat", "Alien"]) == "query: x | liked: Heat | Alien"
    assert join_context(labelled, "", ["Heat"]) == "liked: Heat"
    assert join_context(labelled, "query: x", []) == "query: x"
    assert join_context(labelled, "", []) == ""
