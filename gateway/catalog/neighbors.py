"""Builds popularity and item neighbours from the interactions. Knows nothing of how they are read."""

import asyncio
from dataclasses import dataclass

import numpy as np
from psycopg import AsyncConnection

from gateway.catalog.ease import item_weights, strongest
from gateway.domain.budget import Budget
from gateway.store.pool import Database, Row


@dataclass(frozen=True, slots=True)
class NeighborSettings:
    """The neighbours of an item are the ``neighbors`` others that it speaks most for (gateway/catalog/ease.py,
    ``ridge``), among the ``items`` that most users liked: 10,000 need 3.6 GB of memory.

    Only interactions of weight above ``weight_above`` count, and of a user the ``user_items`` most recent items.
    """

    weight_above: float = 0.0
    ridge: float = 300.0
    items: int = 10_000
    neighbors: int = 200
    user_items: int = 500


@dataclass(frozen=True, slots=True)
class NeighborCounts:
    """Rows made."""

    popular: int
    neighbors: int


_LIKED = """
    CREATE TEMPORARY TABLE liked ON COMMIT DROP AS
    SELECT user_id, item_id,
        row_number() OVER (PARTITION BY user_id ORDER BY max(time) DESC, max(sequence) DESC) AS recency
    FROM interactions WHERE weight > %s::float8 GROUP BY user_id, item_id
"""

_USERS = """
    CREATE TEMPORARY TABLE users_of ON COMMIT DROP AS
    SELECT item_id, count(*) AS users FROM liked GROUP BY item_id
"""

# Places follow the order of the ids, so that ties break by id and the rows arrive in the order of the primary key.
_PLACES = """
    CREATE TEMPORARY TABLE placed ON COMMIT DROP AS
    SELECT item_id, (row_number() OVER (ORDER BY item_id) - 1)::int AS place
    FROM (SELECT item_id FROM users_of ORDER BY users DESC, item_id LIMIT %s) AS most_liked
"""

_HISTORIES = """
    SELECT array_agg(place) FROM liked JOIN placed USING (item_id) WHERE recency <= %s::int GROUP BY user_id
"""


async def rebuild_neighbors(
    database: Database, budget: Budget, settings: NeighborSettings = NeighborSettings()
) -> NeighborCounts:
    """Makes ``item_popularity`` and ``item_neighbors`` anew. Readers see the old rows until all new ones are there.

    Raises StoreUnavailable; then the old rows stay.
    """

    async def rebuild(connection: AsyncConnection[Row]) -> NeighborCounts:
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('crossrank.neighbors'))")
        await connection.execute("SET LOCAL work_mem = '128MB'")
        await connection.execute(_LIKED, [settings.weight_above])
        await connection.execute(_USERS)
        await connection.execute(_PLACES, [settings.items])
        await connection.execute("ANALYZE liked, placed")
        placed = await connection.execute("SELECT item_id FROM placed ORDER BY place")
        item_ids = [item_id for (item_id,) in await placed.fetchall()]
        histories = await connection.execute(_HISTORIES, [settings.user_items])
        places = [np.array(row, dtype=np.intp) for (row,) in await histories.fetchall()]
        weights = await asyncio.to_thread(item_weights, places, len(item_ids), settings.ridge)
        # Deleted row by row, not truncated: a truncation would lock out the readers.
        await connection.execute("DELETE FROM item_popularity")
        popular = await connection.execute(
            "INSERT INTO item_popularity (item_id, users) SELECT item_id, users FROM users_of"
        )
        await connection.execute("DELETE FROM item_neighbors")
        rows = 0
        async with (
            connection.cursor() as cursor,
            cursor.copy("COPY item_neighbors (item_id, neighbor_id, weight) FROM STDIN") as copy,
        ):
            for item, neighbor, weight in strongest(weights, settings.neighbors):
                await copy.write_row((item_ids[item], item_ids[neighbor], weight))
                rows += 1
        return NeighborCounts(popular.rowcount, rows)

    return await database.transact(rebuild, budget)
