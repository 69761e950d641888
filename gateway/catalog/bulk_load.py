"""Streams catalogues and histories of any size into PostgreSQL. What was loaded before is found again: a load that
broke off is simply repeated. Knows no file format."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from psycopg import AsyncConnection

from gateway.catalog.writer import CatalogWriter
from gateway.domain.budget import Budget
from gateway.domain.progress import Advance
from gateway.domain.values import Interaction, Item, WriteCounts
from gateway.store.pool import Database, Row
from gateway.store.staging import Staging, stage

Value = TypeVar("Value")

_STAGING = Staging(
    "staged_interactions",
    (
        ("position", "integer"),
        ("user_id", "text"),
        ("item_id", "text"),
        ("event", "text"),
        ("time", "timestamptz"),
        ("weight", "float8"),
        ("attribution_token", "text"),
    ),
)

# Numbered in the order of the file, inserted in the order of the key, as RecordInteractions does: see there.
_MERGE = """
    INSERT INTO interactions (user_id, item_id, event, time, weight, attribution_token, sequence)
    OVERRIDING SYSTEM VALUE
    SELECT user_id, item_id, event, time, weight, attribution_token, sequence FROM (
        SELECT *, nextval(pg_get_serial_sequence('interactions', 'sequence')) AS sequence FROM (
            SELECT * FROM staged_interactions AS staged
            WHERE EXISTS (SELECT FROM items WHERE items.item_id = staged.item_id) ORDER BY position
        ) AS in_order
    ) AS numbered
    ORDER BY user_id, item_id, event, time, position ON CONFLICT DO NOTHING
"""

_UNKNOWN = """
    SELECT count(*) FROM staged_interactions AS staged
    WHERE NOT EXISTS (SELECT FROM items WHERE items.item_id = staged.item_id)
"""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Rows of a transaction, and the time that each gets."""

    items: int = 256
    interactions: int = 20_000
    seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class InteractionCounts:
    """What a load of interactions did; ``unknown_items`` were left out, since the catalogue has no such item."""

    recorded: int = 0
    unchanged: int = 0
    unknown_items: int = 0


async def load_items(
    writer: CatalogWriter, items: Iterable[Item], advance: Advance, limits: BatchLimits = BatchLimits()
) -> WriteCounts:
    """Writes items batch by batch, each all or nothing. Raises as CatalogWriter.upsert."""
    total = WriteCounts()
    for batch in _batches(items, limits.items):
        counts = await writer.upsert(batch, Budget(limits.seconds))
        total = WriteCounts(
            total.inserted + counts.inserted, total.updated + counts.updated, total.unchanged + counts.unchanged
        )
        advance(len(batch))
    return total


async def load_interactions(
    database: Database,
    interactions: Iterable[Interaction],
    advance: Advance,
    limits: BatchLimits = BatchLimits(),
) -> InteractionCounts:
    """Adds interactions batch by batch, each all or nothing; at the same moment, the later row is the more recent.

    Raises StoreUnavailable or InvalidRequest.
    """
    total = InteractionCounts()
    for batch in _batches(interactions, limits.interactions):
        counts = await _merge(database, batch, Budget(limits.seconds))
        total = InteractionCounts(
            total.recorded + counts.recorded,
            total.unchanged + counts.unchanged,
            total.unknown_items + counts.unknown_items,
        )
        advance(len(batch))
    return total


async def _merge(database: Database, batch: Sequence[Interaction], budget: Budget) -> InteractionCounts:
    async def merge(connection: AsyncConnection[Row]) -> InteractionCounts:
        await stage(connection, _STAGING, _staged_rows(batch))
        unknown = await (await connection.execute(_UNKNOWN)).fetchone()
        recorded = (await connection.execute(_MERGE)).rowcount
        unknown_items = int(unknown[0]) if unknown else 0
        return InteractionCounts(recorded, len(batch) - recorded - unknown_items, unknown_items)

    return await database.transact(merge, budget)


def _staged_rows(batch: Sequence[Interaction]) -> Iterator[tuple[object, ...]]:
    for position, one in enumerate(batch):
        yield position, one.user_id, one.item_id, one.event, one.time, float(one.weight), one.attribution_token


def _batches(rows: Iterable[Value], size: int) -> Iterator[list[Value]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
