"""Values of a field, and the rule that ranks by sharing them."""

import pytest

from tests.training.histories import oldest_first
from training.evaluation.fields import (
    KNOWN_FIELDS,
    FieldInvalid,
    SharedField,
    parse_field,
    present,
    same_field_order,
    words,
)

AUTHORS = SharedField("authors", ",")
ITEMS = {
    "hobbit": {"title": "The Hobbit", "authors": "J.R.R. Tolkien"},
    "rings": {"title": "The Lord of the Rings", "authors": "j.r.r. tolkien, Alan Lee"},
    "dune": {"title": "Dune", "authors": "Frank Herbert"},
    "sketches": {"title": "Sketchbook", "authors": "Alan Lee"},
    "nobody": {"title": "Beowulf", "authors": ""},
    "bare": {"title": "Untitled"},
}


@pytest.mark.parametrize(
    ("separator", "text", "values"),
    [
        (",", "J.K. Rowling, Mary GrandPré", {"j.k. rowling", "mary grandpré"}),
        ("|", "fantasy|sci-fi||", {"fantasy", "sci-fi"}),
        (" ", "Horror  Sci-Fi ", {"horror", "sci-fi"}),
        ("", "Stephen King, Peter Straub", {"stephen king, peter straub"}),
        (",", " ", set()),
        ("", "", set()),
    ],
)
def test_a_cell_is_read_by_its_separator(separator: str, text: str, values: set[str]) -> None:
    assert SharedField("authors", separator).values({"authors": text}) == values


@pytest.mark.parametrize("cell", ["Drama Sci-Fi", "Drama, Sci-Fi", "Sci-Fi, Drama", "drama|sci-fi", "Drama; Sci-Fi"])
def test_genres_are_the_same_however_a_shop_separates_them(cell: str) -> None:
    genres = next(field for field in KNOWN_FIELDS if field.name == "genres")
    assert genres.values({"genres": cell}) == {"drama", "sci-fi"}


def test_items_that_share_with_the_latest_history_item_come_first_in_first_stage_order() -> None:
    first_stage = ["dune", "nobody", "sketches", "rings", "bare"]
    order = same_field_order(AUTHORS, first_stage, oldest_first("dune", "rings"), ITEMS)
    assert order == ("sketches", "rings", "dune", "nobody", "bare")


def test_only_the_latest_history_item_counts() -> None:
    order = same_field_order(AUTHORS, ["dune", "rings"], oldest_first("dune", "hobbit"), ITEMS)
    assert order == ("rings", "dune")


@pytest.mark.parametrize("history", [[], ["nobody"], ["bare"], ["unknown"]])
def test_where_nothing_can_be_shared_the_first_stage_order_stays(history: list[str]) -> None:
    first_stage = ["dune", "nobody", "bare", "unknown", "rings"]
    assert same_field_order(AUTHORS, first_stage, oldest_first(*history), ITEMS) == tuple(first_stage)


def test_only_fields_that_some_item_has_are_present() -> None:
    assert present((AUTHORS, SharedField("brand")), ITEMS) == (AUTHORS,)
    assert [field.name for field in present(KNOWN_FIELDS, ITEMS)] == ["authors"]
    assert present((AUTHORS,), {"bare": {"title": "x"}}) == ()


def test_a_field_is_chosen_by_name_and_kind() -> None:
    assert parse_field("authors:commas") == AUTHORS
    assert parse_field("a:b:words") == SharedField("a:b", " ")
    assert parse_field("series:text").row == "same_series"


@pytest.mark.parametrize("text", ["authors", "authors:", ":words", "authors:list"])
def test_a_choice_that_cannot_be_read_is_refused_with_the_kinds(text: str) -> None:
    with pytest.raises(FieldInvalid, match="KIND is one of text, words, labels, commas"):
        parse_field(text)


def test_words_are_those_of_all_fields_in_lower_case() -> None:
    assert words({"title": "Dune Messiah", "authors": "Frank DUNE"}) == {"dune", "messiah", "frank"}
