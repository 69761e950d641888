"""Items and interactions as CSV or Parquet: read, checked row by row, written all or nothing. Knows no data set.

items: ``item_id`` and any number of text columns. interactions: ``user_id``, ``item_id``, ``event``, ``weight``
(above 0: the user wanted the item; 0: only seen), ``time`` (ISO 8601 with a zone, or seconds since 1970).
"""

import csv
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from training.errors import TableInvalid

Value = TypeVar("Value")

ITEM_ID = "item_id"
INTERACTION_COLUMNS = ("user_id", "item_id", "event", "weight", "time")


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One item: its id and its text fields, in the table's column order."""

    item_id: str
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class InteractionRow:
    """One thing a user did. ``time`` is aware."""

    user_id: str
    item_id: str
    event: str
    weight: float
    time: datetime


@dataclass(frozen=True, slots=True)
class Tables:
    """A data set: items in file order, interactions in file order."""

    items: Sequence[ItemRow]
    interactions: Sequence[InteractionRow]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands, for error texts."""

    file: Path
    row: int

    def fault(self, column: str, message: str, remedy: str) -> TableInvalid:
        return TableInvalid(self.file, self.row, column, message, remedy)


def read_tables(items_file: Path, interactions_file: Path) -> Tables:
    """Both tables, checked against each other. Raises TableInvalid at the first fault."""
    items = read_items(items_file)
    return Tables(items, read_interactions(interactions_file, {item.item_id for item in items}))


def read_items(file: Path) -> list[ItemRow]:
    """Items. Raises TableInvalid on a missing column, an empty or repeated id, or an item without any text."""
    items: dict[str, ItemRow] = {}
    for place, row in _rows(file, (ITEM_ID,)):
        item_id = _required(place, row, ITEM_ID)
        if item_id in items:
            raise place.fault(ITEM_ID, f"{item_id!r} stands in an earlier row too", "give every item one row")
        fields = {name: " ".join(text.split()) for name, text in row.items() if name != ITEM_ID}
        if not any(fields.values()):
            names = ", ".join(fields) or "none"
            raise place.fault("", f"item {item_id!r} has no text (text columns: {names})", "fill at least one of them")
        items[item_id] = ItemRow(item_id, fields)
    return list(items.values())


def read_interactions(file: Path, known_items: Iterable[str]) -> list[InteractionRow]:
    """Interactions. Raises TableInvalid on a missing column, an unknown item, a bad weight or a bad time."""
    known = frozenset(known_items)
    return [_interaction(place, row, known) for place, row in _rows(file, INTERACTION_COLUMNS)]


def write_tables(folder: Path, tables: Tables) -> None:
    """``items.csv`` and ``interactions.csv`` in ``folder``; when a write fails, the old files stay."""
    names = list(dict.fromkeys(name for item in tables.items for name in item.fields))
    item_rows = ([item.item_id, *(item.fields.get(name, "") for name in names)] for item in tables.items)
    rows = (
        [one.user_id, one.item_id, one.event, f"{one.weight:g}", one.time.isoformat()] for one in tables.interactions
    )
    folder.mkdir(parents=True, exist_ok=True)
    partial = [
        _write_csv(folder / "items.csv", [ITEM_ID, *names], item_rows),
        _write_csv(folder / "interactions.csv", INTERACTION_COLUMNS, rows),
    ]
    for file in partial:
        file.replace(file.with_suffix(""))


def parse_time(text: str) -> datetime:
    """ISO 8601 with a zone, or seconds since 1970. Raises ValueError."""
    try:
        seconds = float(text)
    except ValueError:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("it has no time zone") from None
        return moment
    if not math.isfinite(seconds):
        raise ValueError("it is not finite")
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as fault:
        raise ValueError("it lies outside the calendar; milliseconds?") from fault


def _interaction(place: _Place, row: Mapping[str, str], known: frozenset[str]) -> InteractionRow:
    item_id = _required(place, row, "item_id")
    if item_id not in known:
        raise place.fault("item_id", f"item {item_id!r} is not in the items table", "add the item, or drop the row")
    weight = _parsed(place, row, "weight", _weight, "a number of 0 or more")
    time = _parsed(place, row, "time", parse_time, "ISO 8601 with a zone, or seconds since 1970")
    return InteractionRow(
        user_id=_required(place, row, "user_id"),
        item_id=item_id,
        event=_required(place, row, "event"),
        weight=weight,
        time=time,
    )


def _weight(text: str) -> float:
    weight = float(text)
    if not (math.isfinite(weight) and weight >= 0):
        raise ValueError("it is negative or not finite")
    return weight


def _required(place: _Place, row: Mapping[str, str], column: str) -> str:
    text = row[column].strip()
    if not text:
        raise place.fault(column, "it is empty", "fill it, or drop the row")
    return text


def _parsed(place: _Place, row: Mapping[str, str], column: str, parse: Callable[[str], Value], expected: str) -> Value:
    text = _required(place, row, column)
    try:
        return parse(text)
    except ValueError as fault:
        raise place.fault(column, f"{text!r} cannot be read: {fault}", f"write {expected}") from fault


def _rows(file: Path, columns: Sequence[str]) -> Iterator[tuple[_Place, dict[str, str]]]:
    """Rows as text by column, with their places. Raises TableInvalid when the file or a column is missing."""
    read = {".csv": _csv_rows, ".parquet": _parquet_rows}.get(file.suffix.lower())
    if read is None:
        raise TableInvalid(file, 0, "", f"{file.suffix!r} is no known kind of table", "use .csv or .parquet")
    if not file.is_file():
        raise TableInvalid(file, 0, "", "the file does not exist", "check the path")
    for number, row in enumerate(read(file), start=0):
        if number == 0:
            _check_columns(file, list(row), columns)
            continue
        yield _Place(file, number), row


def _check_columns(file: Path, found: Sequence[str], needed: Sequence[str]) -> None:
    for column in needed:
        if column not in found:
            raise TableInvalid(file, 0, column, "the column is missing", f"columns found: {', '.join(found) or 'none'}")
    if repeated := sorted({name for name in found if found.count(name) > 1}):
        raise TableInvalid(file, 0, repeated[0], "the column stands there twice", "rename one of the two")


def _csv_rows(file: Path) -> Iterator[dict[str, str]]:
    """The header as a row of itself, then the rows."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.reader(lines, strict=True)
            header = next(reader, [])
            _check_columns(file, header, ())
            yield {name: name for name in header}
            for number, cells in enumerate(reader, start=1):
                if len(cells) != len(header):
                    message = f"{len(cells)} cells; the header has {len(header)}"
                    raise TableInvalid(file, number, "", message, "quote cells that hold commas")
                yield dict(zip(header, cells, strict=True))
    except (UnicodeDecodeError, csv.Error) as fault:
        raise TableInvalid(file, 0, "", f"it is no CSV in UTF-8: {fault}", "save it as CSV, UTF-8") from fault


def _parquet_rows(file: Path) -> Iterator[dict[str, str]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as fault:
        raise TableInvalid(file, 0, "", "reading Parquet needs pyarrow", "pip install 'crossrank[train]'") from fault
    try:
        table = parquet.read_table(file)
    except (ArrowException, OSError) as fault:
        raise TableInvalid(file, 0, "", f"it is no Parquet file: {fault}", "write it again") from fault
    yield {name: name for name in table.column_names}
    for batch in table.to_batches():
        for row in batch.to_pylist():
            yield {name: _cell(value) for name, value in row.items()}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _write_csv(file: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> Path:
    partial = file.with_name(file.name + ".partial")
    with partial.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
        lines.flush()
        os.fsync(lines.fileno())
    return partial
