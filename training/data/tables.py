"""Items and interactions: what their columns mean, each row checked, both written together. Knows no data set.

items: ``item_id`` and any number of text columns. interactions: ``user_id``, ``item_id``, ``event``, ``weight``
(above 0: the user wanted the item; 0: only seen), ``time`` (ISO 8601 with a zone, or seconds since 1970).
impressions: training/data/impressions.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from training.data.bounds import RULES, check_field_names, check_text
from training.data.impressions import ImpressionRow, read_impressions
from training.data.rows import Row, parse_time, parse_weight, read_rows, write_files

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

    def cells(self) -> tuple[str, ...]:
        """In the order of INTERACTION_COLUMNS."""
        return self.user_id, self.item_id, self.event, f"{self.weight:.15g}", self.time.isoformat()


@dataclass(frozen=True, slots=True)
class Tables:
    """A data set: all in file order. ``impressions``: none where nobody logged what was shown."""

    items: Sequence[ItemRow]
    interactions: Sequence[InteractionRow]
    impressions: Sequence[ImpressionRow] = ()


def read_tables(items_file: Path, interactions_file: Path, impressions_file: Path | None = None) -> Tables:
    """The tables, checked against each other. Raises TableInvalid at the first fault."""
    items = read_items(items_file)
    known = frozenset(item.item_id for item in items)
    interactions = read_interactions(interactions_file, known)
    return Tables(items, interactions, read_impressions(impressions_file, known) if impressions_file else ())


def read_items(file: Path) -> list[ItemRow]:
    """Items. Raises TableInvalid on a missing column, an empty or repeated id, an item without any text, or what the
    API would refuse."""
    items: dict[str, ItemRow] = {}
    rows: dict[str, int] = {}
    for row in read_rows(file, (ITEM_ID,)):
        if not items:
            check_field_names(row, [name for name in row.cells if name != ITEM_ID])
        item_id = row.required(ITEM_ID)
        check_text(row, ITEM_ID, item_id, RULES.required_id)
        if item_id in items:
            raise row.fault(ITEM_ID, f"{item_id!r} stands in row {rows[item_id]} too", "give every item one row")
        fields = {name: " ".join(text.split()) for name, text in row.cells.items() if name != ITEM_ID}
        if not any(fields.values()):
            names = ", ".join(fields) or "none"
            raise row.fault("", f"item {item_id!r} has no text (text columns: {names})", "fill at least one of them")
        for name, text in fields.items():
            check_text(row, name, text, RULES.field_text)
        items[item_id], rows[item_id] = ItemRow(item_id, fields), row.number
    return list(items.values())


def read_interactions(file: Path, known_items: Iterable[str]) -> list[InteractionRow]:
    """Interactions. Raises TableInvalid on a missing column, an unknown item, a bad weight, a bad time, two rows that
    tell of the same thing: user, item, event and time, which a store could not hold apart, or what the API would
    refuse."""
    known = frozenset(known_items)
    users: set[str] = set()
    events: set[str] = set()
    found: dict[tuple[str, str, str, datetime], int] = {}
    interactions = []
    for row in read_rows(file, INTERACTION_COLUMNS):
        one = _interaction(row, known)
        if one.user_id not in users:  # many rows name the same few
            check_text(row, "user_id", one.user_id, RULES.required_id)
        if one.event not in events:
            check_text(row, "event", one.event, RULES.event)
        users.add(one.user_id)
        events.add(one.event)
        first = found.setdefault((one.user_id, one.item_id, one.event, one.time), row.number)
        if first != row.number:
            message = f"user {one.user_id!r}, item, event and time are those of row {first}"
            raise row.fault(ITEM_ID, message, "keep one of the two rows")
        interactions.append(one)
    return interactions


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


def _interaction(row: Row, known: frozenset[str]) -> InteractionRow:
    item_id = row.required(ITEM_ID)
    if item_id not in known:
        raise row.fault(ITEM_ID, f"item {item_id!r} is not in the items table", "add the item, or drop the row")
    return InteractionRow(
        user_id=row.required("user_id"),
        item_id=item_id,
        event=row.required("event"),
        weight=row.parsed("weight", parse_weight, "a number of 0 or more"),
        time=row.parsed("time", parse_time, "ISO 8601 with a zone, or seconds since 1970"),
    )
