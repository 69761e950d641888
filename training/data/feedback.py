"""What FeedbackService logged, out of PostgreSQL as tables: items, interactions, and impressions joined to what users
did by attribution token. Reads one moment of the database, row by row; changes nothing in it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import Connection, IsolationLevel

from gateway.domain.progress import Advance
from training.data.impressions import IMPRESSION_COLUMNS, ImpressionRow, RankCounts, propensities
from training.data.known import ITEM_ID
from training.data.rows import write_files
from training.data.tables import INTERACTION_COLUMNS, InteractionRow
from training.errors import DataUnavailable

_CONNECT_TIMEOUT_S = 5
_BATCH_ROWS = 2000

# Items that left the catalogue, or have no text, teach nothing: what was done with them is left out, and counted.
_TEXTS = r"SELECT * FROM items WHERE EXISTS (SELECT FROM jsonb_each_text(fields) AS field WHERE field.value ~ '\S')"
_KNOWN = f"item_id IN (SELECT item_id FROM ({_TEXTS}) AS texts)"

_TOTALS = f"""
    SELECT
        (SELECT count(*) FROM ({_TEXTS}) AS texts),
        (SELECT count(*) FROM interactions),
        (SELECT count(*) FROM interactions WHERE {_KNOWN}),
        (SELECT count(*) FROM impressions),
        (SELECT count(*) FROM shown_items)
"""
_FIELDS = f"SELECT DISTINCT jsonb_object_keys(fields) AS name FROM ({_TEXTS}) AS texts ORDER BY name"
_ITEMS = f"SELECT item_id, fields FROM ({_TEXTS}) AS texts ORDER BY item_id"
# Tables know wanted (above 0) and only met (0): what somebody disliked was met.
_INTERACTIONS = f"""
    SELECT user_id, item_id, event, greatest(weight, 0), time FROM interactions WHERE {_KNOWN} ORDER BY time, sequence
"""

# Columns as ImpressionRow has them.
# Of several things that a user did with a shown item the one of the highest weight counts, of these the first.
_JOINED = f"""
    SELECT shown.attribution_token, coalesce(list.context ->> 'user_id', '') AS user_id, list.time, shown.item_id,
        shown.rank, shown.first_stage_rank, coalesce(done.event, '') AS event, greatest(done.weight, 0) AS weight
    FROM shown_items AS shown JOIN impressions AS list USING (attribution_token)
    LEFT JOIN LATERAL (
        SELECT event, weight FROM interactions AS one
        WHERE one.attribution_token = shown.attribution_token AND one.item_id = shown.item_id
            AND one.attribution_token <> ''
        ORDER BY weight DESC, time, sequence LIMIT 1
    ) AS done ON true
    WHERE shown.{_KNOWN}
"""
_IMPRESSIONS = f"{_JOINED} ORDER BY time, attribution_token, rank"
_RANKS = f"SELECT rank, count(*), count(*) FILTER (WHERE weight > 0) FROM ({_JOINED}) AS joined GROUP BY rank"


@dataclass(frozen=True, slots=True)
class FeedbackCounts:
    """Rows with items of the catalogue: ``lists`` showed ``shown`` items, ``chosen`` of them were wanted. ``left_out``:
    interactions and shown items without a text in the catalogue."""

    items: int
    interactions: int
    lists: int
    shown: int
    chosen: int
    left_out: int

    @property
    def rows(self) -> int:
        """How many rows were written, of all three tables together."""
        return self.items + self.interactions + self.shown


class FeedbackReader:
    """One moment of a database."""

    def __init__(self, connection: Connection[tuple[Any, ...]]) -> None:
        self._connection = connection
        self.fields: Sequence[str] = [name for (name,) in self._rows(_FIELDS)]
        by_rank = {rank: RankCounts(shown, chosen) for rank, shown, chosen in self._rows(_RANKS)}
        self._propensity = propensities(by_rank)
        items, all_interactions, interactions, lists, all_shown = self._rows(_TOTALS)[0]
        shown = sum(one.shown for one in by_rank.values())
        self.counts = FeedbackCounts(
            items=items,
            interactions=interactions,
            lists=lists,
            shown=shown,
            chosen=sum(one.chosen for one in by_rank.values()),
            left_out=all_interactions - interactions + all_shown - shown,
        )

    def items(self) -> Iterator[tuple[str, ...]]:
        """Cells: the id, then ``fields``."""
        for item_id, fields in self._stream(_ITEMS):
            yield (item_id, *(fields.get(name, "") for name in self.fields))

    def interactions(self) -> Iterator[InteractionRow]:
        """In order of time; of one moment, in the order in which they were stored."""
        return (InteractionRow(*row) for row in self._stream(_INTERACTIONS))

    def impressions(self) -> Iterator[ImpressionRow]:
        """List by list, in order of time, best rank first."""
        for token, user_id, time, item_id, rank, before, event, weight in self._stream(_IMPRESSIONS):
            propensity = self._propensity[rank]
            yield ImpressionRow(token, user_id, time, item_id, rank, before, event, weight, propensity)

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self._connection.execute(query.encode()).fetchall()

    def _stream(self, query: str) -> Iterator[tuple[Any, ...]]:
        with self._connection.cursor("export") as cursor:
            cursor.itersize = _BATCH_ROWS
            yield from cursor.execute(query.encode())


@contextmanager
def open_feedback(url: str) -> Iterator[FeedbackReader]:
    """Reads the database of ``url``. Raises DataUnavailable, also for what fails while it is read."""
    try:
        with psycopg.connect(url, connect_timeout=_CONNECT_TIMEOUT_S) as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield FeedbackReader(connection)
    except psycopg.Error as fault:
        reason = " ".join(str(fault).split())
        raise DataUnavailable(
            f"feedback cannot be read from PostgreSQL: {reason}", "crossrank up, or name one with --database-url"
        ) from fault


def export_feedback(reader: FeedbackReader, folder: Path, advance: Advance) -> None:
    """``items.csv``, ``interactions.csv`` and ``impressions.csv`` in ``folder``: all three, or the old ones stay.
    Raises DataUnavailable when nothing was indexed, or when a text field has the name of the column of ids."""
    if not reader.counts.items:
        raise DataUnavailable("the catalogue is empty", "crossrank index, serve and record interactions first")
    if ITEM_ID in reader.fields:
        raise DataUnavailable(f"the catalogue has a text field named {ITEM_ID!r}", "index it under another name")
    interactions = (one.cells() for one in reader.interactions())
    impressions = (one.cells() for one in reader.impressions())
    write_files(
        folder,
        {
            "items.csv": ((ITEM_ID, *reader.fields), _told(reader.items(), advance)),
            "interactions.csv": (INTERACTION_COLUMNS, _told(interactions, advance)),
            "impressions.csv": (IMPRESSION_COLUMNS, _told(impressions, advance)),
        },
    )


def _told(rows: Iterable[Sequence[str]], advance: Advance) -> Iterator[Sequence[str]]:
    for row in rows:
        yield row
        advance(1)
