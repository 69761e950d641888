"""MovieTweetings as generic tables, from the user's own folder. Never redistributed here.

By Simon Dooms, MIT licence (github.com/sidooms/MovieTweetings); a folder under ``snapshots`` has both files. A rating
of 8 or more of 10 is written with weight 1 (the user wanted the film), less with weight 0 (only seen).
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from training.data.tables import InteractionRow, ItemRow, Tables
from training.errors import DataUnavailable, TableInvalid

POSITIVE_RATING = 8.0
MOVIES, RATINGS = "movies.dat", "ratings.dat"

_TITLE = re.compile(r"^(?P<title>.+?)\s*\((?P<year>\d{4})\)$")


def from_folder(folder: Path) -> Tables:
    """From ``movies.dat`` and ``ratings.dat``. Raises DataUnavailable, or TableInvalid naming the row."""
    if missing := [name for name in (MOVIES, RATINGS) if not (folder / name).is_file()]:
        raise DataUnavailable(f"{folder} has no {' and no '.join(missing)}", "give a folder of snapshots/")
    items = [_item(*cells) for _, cells in _rows(folder / MOVIES, 3)]
    known = {item.item_id for item in items}
    interactions = []
    for number, (user_id, item_id, rating, seconds) in _rows(folder / RATINGS, 4):
        if item_id not in known:
            raise TableInvalid(
                folder / RATINGS, f"line {number}", "", f"film {item_id!r} is not in {MOVIES}", "copy both files"
            )
        weight = 1.0 if float(rating) >= POSITIVE_RATING else 0.0
        moment = datetime.fromtimestamp(int(seconds), UTC)
        interactions.append(InteractionRow(user_id, item_id, "rating", weight, moment))
    return Tables(items, interactions)


def _rows(file: Path, cells: int) -> Iterator[tuple[int, list[str]]]:
    """Rows of ``::`` between cells, each with its number from 1."""
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        found = line.split("::")
        if len(found) != cells:
            raise TableInvalid(file, f"line {number}", "", f"{len(found)} cells; {cells} belong", "copy the file again")
        yield number, found


def _item(item_id: str, title: str, genres: str) -> ItemRow:
    match = _TITLE.match(title.strip())
    name, year = (match["title"], match["year"]) if match else (title.strip(), "")
    return ItemRow(item_id, {"title": name, "year": year, "genres": genres.replace("|", ", ")})
