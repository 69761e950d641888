"""Loads interactions in bulk, with COPY and one merge a batch. Loading the same ones again changes nothing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from gateway.budget import Budget
from gateway.domain import Interaction
from gateway.store.database import Database

BATCH_ROWS = 50_000

_ARRIVING = """
CREATE TEMPORARY TABLE arriving (
    place int, user_id text, item_id text, event text, weight double precision, time timestamptz
) ON COMMIT DROP
"""
_MERGE = """
INSERT INTO interactions (user_id, item_id, event, weight, time)
SELECT user_id, item_id, event, weight, time FROM arriving ORDER BY place ON CONFLICT DO NOTHING
"""

Row = TypeVar("Row")


def in_batches(rows: Iterable[Row], size: int) -> Iterator[list[Row]]:
    """Lists of at most ``size`` rows."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


async def load_interactions(
    database: Database, interactions: Iterable[Interaction], budget: Budget, progress: Callable[[int], None]
) -> int:
    """How many were new. Each batch is stored whole or not at all; ``progress`` gets the rows of each.

    Rows of equal time keep the order in which they came. Raises StoreUnavailable: run it again, it goes on.
    """
    recorded = 0
    for batch in in_batches(interactions, BATCH_ROWS):
        recorded += await _load_batch(database, batch, budget)
        progress(len(batch))
    return recorded


async def _load_batch(database: Database, batch: Sequence[Interaction], budget: Budget) -> int:
    async with database.connection(budget) as connection, connection.transaction():
        await connection.execute(_ARRIVING)
        async with connection.cursor().copy("COPY arriving FROM STDIN") as copy:
            for place, one in enumerate(batch):
                await copy.write_row((place, one.user_id, one.item_id, one.event, one.weight, one.time))
        return (await connection.execute(_MERGE)).rowcount
