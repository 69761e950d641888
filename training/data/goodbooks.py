"""goodbooks-10k (a 5 % sample of its users) as generic tables, from the user's own folder. Never redistributed here.

By Zygmunt Zając, CC BY-SA 4.0 (github.com/zygmuntz/goodbooks-10k). A rating of 4 or more is written with weight 1 (the
user wanted the book), less with weight 0 (only read). The file has no times: its order is the order of time, and
becomes seconds since 1970.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

from training.data.rows import Row, read_rows
from training.data.tables import InteractionRow, ItemRow, Tables
from training.errors import DataUnavailable

POSITIVE_RATING = 4.0
ITEM_COLUMNS = ("item_id", "title", "authors", "year", "genres")
RATING_COLUMNS = ("order", "user_id", "item_id", "rating")

# "Title (Series, #1)", "Title (Series #1.5)", "Title (Series, #1-3; Another #2)": of several series the first one.
_SERIES = re.compile(
    r"^(?P<title>.+?)\s*\((?P<series>[^#()]+?)[\s,]*#\s*(?P<volume>\d[\d.]*(?:[-–/]\d[\d.]*)?)[^()]*\)$"
)


def from_folder(folder: Path, *, mini: bool = False) -> Tables:
    """From ``items.csv.gz`` and ``interactions.csv.gz`` (``mini``: from ``mini_…``). Raises DataUnavailable, or
    TableInvalid naming row and column."""
    prefix = "mini_" if mini else ""
    files = [folder / f"{prefix}{name}.csv.gz" for name in ("items", "interactions")]
    if missing := [file.name for file in files if not file.is_file()]:
        raise DataUnavailable(
            f"{folder} has no {' and no '.join(missing)}", "give the folder that holds goodbooks with --data-dir"
        )
    items = [_item(row) for row in read_rows(files[0], ITEM_COLUMNS)]
    known = {item.item_id for item in items}
    return Tables(items, [_interaction(row, known) for row in read_rows(files[1], RATING_COLUMNS)])


def split_title(text: str) -> tuple[str, str, str]:
    """Title, series and volume of a printed title: "The Hunger Games (The Hunger Games, #1)" is volume "1" of the
    series "The Hunger Games"; without a number in the last parentheses there is no series."""
    folded = " ".join(text.split())
    match = _SERIES.match(folded)
    if match is None:
        return folded, "", ""
    return match["title"], match["series"], match["volume"].replace("–", "-")


def _item(row: Row) -> ItemRow:
    title, series, volume = split_title(row.required("title"))
    fields = {
        "title": title,
        "series": series,
        "volume": volume,
        "authors": ", ".join(" ".join(name.split()) for name in row.cells["authors"].split(",") if name.strip()),
        "year": " ".join(row.cells["year"].split()),
        "genres": ", ".join(name for name in row.cells["genres"].split("|") if name),
    }
    return ItemRow(row.required("item_id"), fields)


def _interaction(row: Row, known: set[str]) -> InteractionRow:
    item_id = row.required("item_id")
    if item_id not in known:
        raise row.fault("item_id", f"book {item_id!r} is not among the items", "copy both files of one version")
    rating = row.parsed("rating", float, "a rating of 1 to 5")
    moment = datetime.fromtimestamp(row.parsed("order", int, "a whole number"), UTC)
    return InteractionRow(row.required("user_id"), item_id, "rating", 1.0 if rating >= POSITIVE_RATING else 0.0, moment)
