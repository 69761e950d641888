"""Cells of a table as typed attributes."""

import pytest

from clients.command_line.catalog.attributes import AttributeColumn, AttributeInvalid, parse_column, read_attributes
from gateway.domain.values import AttributeValue


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("text", "Michael Mann", "Michael Mann"),
        ("number", "1995", 1995.0),
        ("number", "-1.5e3", -1500.0),
        ("flag", "True", True),
        ("flag", "0", False),
        ("labels", "Sci-Fi | Film Noir||Sci-Fi", ("Sci-Fi", "Film Noir")),
        ("words", " War  Drama War ", ("War", "Drama")),
    ],
)
def test_a_cell_is_read_as_its_kind(kind: str, text: str, value: AttributeValue) -> None:
    read = read_attributes([AttributeColumn("column", kind)], {"column": text})
    assert read == {"column": value}
    assert type(read["column"]) is type(value)


@pytest.mark.parametrize("fields", [{}, {"year": ""}], ids=["no column", "an empty cell"])
def test_what_is_not_there_gives_no_attribute(fields: dict[str, str]) -> None:
    assert read_attributes([AttributeColumn("year", "number")], fields) == {}


def test_zero_and_false_are_values_like_any_other() -> None:
    columns = [AttributeColumn("price", "number"), AttributeColumn("old", "flag")]
    assert read_attributes(columns, {"price": "0", "old": "false"}) == {"price": 0.0, "old": False}


@pytest.mark.parametrize(("kind", "text"), [("number", "V"), ("number", "nan"), ("number", "inf"), ("flag", "yes")])
def test_a_cell_that_cannot_be_read_is_named_with_its_value(kind: str, text: str) -> None:
    with pytest.raises(AttributeInvalid, match=rf"^released is '{text}', which is no {kind}: "):
        read_attributes([AttributeColumn("released", kind)], {"released": text})


def test_a_lenient_column_leaves_out_what_it_cannot_read() -> None:
    column = AttributeColumn("year", "number", lenient=True)
    assert read_attributes([column], {"year": "unkonwn"}) == {}
    assert read_attributes([column], {"year": "1995"}) == {"year": 1995.0}


def test_a_column_is_written_as_name_and_kind() -> None:
    assert parse_column("year:number") == AttributeColumn("year", "number")
    assert parse_column("dc:subject:labels") == AttributeColumn("dc:subject", "labels")


@pytest.mark.parametrize("text", ["year", "year:", ":number", "year:integer", ""])
def test_other_spellings_of_a_column_are_refused_with_the_known_kinds(text: str) -> None:
    with pytest.raises(AttributeInvalid, match="text, number, flag, labels, words") as caught:
        parse_column(text)
    assert repr(text) in str(caught.value)
