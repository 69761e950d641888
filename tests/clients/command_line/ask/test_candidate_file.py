"""Candidates and filters as people write them."""

from pathlib import Path

import pytest

from clients.command_line.ask.candidate_file import parse_filter, read_candidates
from clients.command_line.shared.console import CommandFailed
from crossrank_client import AnyOf, Candidate, Filter, InRange


def test_json_may_hold_ids_and_objects(tmp_path: Path) -> None:
    file = tmp_path / "c.json"
    file.write_text('["1", {"item_id": 2, "fields": {"title": "Alien", "year": 1979}, "first_stage_score": 0}]')
    assert read_candidates(file) == [Candidate("1"), Candidate("2", {"title": "Alien", "year": "1979"}, 0.0)]


def test_columns_of_csv_are_fields_and_empty_cells_are_none(tmp_path: Path) -> None:
    file = tmp_path / "c.CSV"
    file.write_text('item_id,title,genres\n1,"Alien, the film",horror\n2,Heat,\n')
    assert read_candidates(file) == [
        Candidate("1", {"title": "Alien, the film", "genres": "horror"}),
        Candidate("2", {"title": "Heat"}),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("c.json", "{"),
        ("c.json", '[{"fields": {}}]'),
        ("c.json", "[7]"),
        ("c.json", '[{"item_id": "1", "first_stage_score": "high"}]'),
        ("c.json", '[{"item_id": "1", "fields": ["title"]}]'),
        ("c.csv", "id,title\n1,Alien\n"),
    ],
)
def test_a_file_that_holds_no_candidates_is_named(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(CommandFailed, match=name):
        read_candidates(tmp_path / name)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"absent\.json"):
        read_candidates(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("genres=Drama", AnyOf("genres", ("Drama",))),
        ("genres=Drama,War", AnyOf("genres", ("Drama", "War"))),
        ("note=a=b", AnyOf("note", ("a=b",))),
        ("year=1990..1999", InRange("year", 1990.0, 1999.0)),
        ("year=1990..", InRange("year", 1990.0, None)),
        ("year=..-1.5", InRange("year", None, -1.5)),
    ],
)
def test_filters_are_read_as_written(text: str, expected: Filter) -> None:
    assert parse_filter(text) == expected


@pytest.mark.parametrize("text", ["genres", "genres=", "=Drama", "year=a..b"])
def test_what_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        parse_filter(text)
    assert text in failed.value.message
