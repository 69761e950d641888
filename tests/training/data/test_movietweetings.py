"""MovieTweetings as tables: films with year and genres, ratings of 8 and more wanted."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from training.data import movietweetings
from training.errors import DataUnavailable, TableInvalid

FILMS = "0000008::Edison: (The Sneeze) (1894)::Documentary|Short\n42::Untitled::\n"


def write(folder: Path, ratings: str) -> Path:
    (folder / "movies.dat").write_text(FILMS, encoding="utf-8")
    (folder / "ratings.dat").write_text(ratings, encoding="utf-8")
    return folder


def test_a_film_has_its_text_in_fields_and_a_rating_of_eight_is_wanted(tmp_path: Path) -> None:
    tables = movietweetings.from_folder(write(tmp_path, "1::0000008::8::86400\n1::42::7::86401\n"))
    assert tables.items[0].fields == {"title": "Edison: (The Sneeze)", "year": "1894", "genres": "Documentary, Short"}
    assert tables.items[1].fields == {"title": "Untitled", "year": "", "genres": ""}
    assert [(one.user_id, one.item_id, one.weight) for one in tables.interactions] == [
        ("1", "0000008", 1.0),
        ("1", "42", 0.0),
    ]
    assert tables.interactions[0].time == datetime(1970, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(("row", "told"), [("1::42::8\n", "3 cells"), ("1::43::8::1\n", "film '43'")])
def test_a_broken_row_is_named(tmp_path: Path, row: str, told: str) -> None:
    with pytest.raises(TableInvalid, match=told):
        movietweetings.from_folder(write(tmp_path, row))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match=r"ratings\.dat"):
        movietweetings.from_folder(tmp_path)
