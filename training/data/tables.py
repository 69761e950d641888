"""Items and interactions: what their columns mean, each row checked, both written together. Knows no data set.

items: ``item_id`` and any number of text columns. interactions: ``user_id``, ``item_id``, ``event``, ``weight``
(above 0: the user wanted the item; 0: only seen), ``time`` (ISO 8601 with a zone, or seconds since 1970).
impressions: training/data/impressions.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from training.data.bounds import RULES, check_field_names, check_text
from training.data.faults import RowFaults
from training.data.impressions import ImpressionRow, read_impressions
from training.data.known import ITEM_ID, known_item
from training.data.rows import Row, parse_time, parse_weight, write_files

INTERACTION_COLUMNS = ("user_id", "item_id", "event", "weight", "time")
_UNKNOWN_ITEM = "add the item, or drop the row; crossrank index --skip-unknown leaves such rows out"


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

    def cells(self) -> tuple[str, ...]:
        """In the order of INTERACTION_COLUMNS."""
        return self.user_id, self.item_id, self.event, f"{self.weight:.15g}", self.time.isoformat()


@dataclass(frozen=True, slots=True)
class Tables:
    """A data set: all in file order. ``impressions``: none where nobody logged what was shown. ``left_out``:
    interactions with unknown items that the files have beside these."""

    items: Sequence[ItemRow]
    interactions: Sequence[InteractionRow]
    impressions: Sequence[ImpressionRow] = ()
    left_out: int = 0


def read_tables(
    items_file: Path, interactions_file: Path, impressions_file: Path | None = None, *, skip_unknown: bool = False
) -> Tables:
    """The tables, checked against each other. ``skip_unknown``: interactions with items that are not in the items table
    are left out. Raises TableInvalid with all kinds of fault of all rows; a file that is no such table alone."""
    faults = RowFaults()
    items, known = _items(items_file, faults)
    interactions, left_out = _interactions(interactions_file, known, faults, skip_unknown=skip_unknown)
    impressions = read_impressions(impressions_file, known, faults) if impressions_file else ()
    faults.refuse()
    return Tables(items, interactions, impressions, left_out)


def read_items(file: Path) -> list[ItemRow]:
    """Items. Raises TableInvalid on a missing column, empty or repeated ids, items without any text, or what the API
    would refuse."""
    faults = RowFaults()
    items, _ = _items(file, faults)
    faults.refuse()
    return items


def write_tables(folder: Path, tables: Tables) -> None:
    """``items.csv`` and ``interactions.csv`` in ``folder``; when a write fails, the old files stay."""
    names = list(dict.fromkeys(name for item in tables.items for name in item.fields))
    item_rows = ([item.item_id, *(item.fields.get(name, "") for name in names)] for item in tables.items)
    write_files(
        folder,
        {
            "items.csv": ((ITEM_ID, *names), item_rows),
            "interactions.csv": (INTERACTION_COLUMNS, (one.cells() for one in tables.interactions)),
        },
    )


def _items(file: Path, faults: RowFaults) -> tuple[list[ItemRow], frozenset[str]]:
    """The items, and every id that the table has, also those of items with a fault."""
    items, rows = [], dict[str, int]()
    for row in faults.rows(file, (ITEM_ID,)):
        if not rows:
            check_field_names(row, [name for name in row.cells if name != ITEM_ID])
        with faults.of_row():
            items.append(_item(row, rows))
    faults.items_read(file, ids_missing=rows.pop("", 0) > 0)
    return items, frozenset(rows)


def _item(row: Row, rows: dict[str, int]) -> ItemRow:
    """``rows``: where each id was first seen."""
    first = rows.setdefault(row.cells[ITEM_ID].strip(), row.number)
    item_id = row.required(ITEM_ID)
    check_text(row, ITEM_ID, item_id, RULES.required_id)
    if first != row.number:
        raise row.fault(ITEM_ID, f"{item_id!r} stands in {row.place(first)} too", "give every item one row")
    fields = {name: " ".join(text.split()) for name, text in row.cells.items() if name != ITEM_ID}
    if not any(fields.values()):
        names = ", ".join(fields) or "none"
        raise row.fault("", f"item {item_id!r} has no text (text columns: {names})", "fill at least one of them")
    for name, text in fields.items():
        check_text(row, name, text, RULES.field_text)
    return ItemRow(item_id, fields)


def _interactions(
    file: Path, known: frozenset[str], faults: RowFaults, *, skip_unknown: bool
) -> tuple[list[InteractionRow], int]:
    """The interactions, and how many were left out. Faults are an unknown item, a bad weight, a bad time, two rows that
    tell of the same thing: user, item, event and time, which a store could not hold apart, or what the API would
    refuse."""
    fine: set[tuple[str, str]] = set()
    found: dict[tuple[str, str, str, datetime], int] = {}
    interactions, left_out = [], 0
    for row in faults.rows(file, INTERACTION_COLUMNS):
        if skip_unknown and (item_id := row.cells[ITEM_ID].strip()) and item_id not in known:
            left_out += 1
            continue
        with faults.of_row():
            one = _interaction(row, known)
            for column, text, rule in (("user_id", one.user_id, RULES.required_id), ("event", one.event, RULES.event)):
                if (column, text) not in fine:  # many rows name the same few
                    check_text(row, column, text, rule)
                    fine.add((column, text))
            first = found.setdefault((one.user_id, one.item_id, one.event, one.time), row.number)
            if first != row.number:
                message = f"user {one.user_id!r}, item, event and time are those of {row.place(first)}"
                raise row.fault(ITEM_ID, message, "keep one of the two rows")
            interactions.append(one)
    return interactions, left_out


def _interaction(row: Row, known: frozenset[str]) -> InteractionRow:
    item_id = known_item(row, known, _UNKNOWN_ITEM)
    return InteractionRow(
        user_id=row.required("user_id"),
        item_id=item_id,
        event=row.required("event"),
        weight=row.parsed("weight", parse_weight, "a number of 0 or more"),
        time=row.parsed("time", parse_time, "ISO 8601 with a zone, or seconds since 1970"),
    )
