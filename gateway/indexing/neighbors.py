"""Builds popularity and item neighbours from the interactions, in SQL. Knows nothing of how they are read."""

from dataclasses import dataclass

from psycopg import AsyncConnection

from gateway.budget import Budget
from gateway.store.pool import Database, Row


@dataclass(frozen=True, slots=True)
class NeighborSettings:
    """weight(i, j) = users of both / (sqrt(users of i * users of j) + shrink); the best ``neighbors`` of each item
    are kept. Chosen on MovieLens 100K, valid.

    Only interactions of weight above ``weight_above`` count. Of a user the ``user_items`` most recent items make
    pairs: their number grows with its square.
    """

    weight_above: float = 0.0
    shrink: float = 2.0
    neighbors: int = 200
    user_items: int = 500


@dataclass(frozen=True, slots=True)
class NeighborCounts:
    """Rows made."""

    popular: int
    neighbors: int


# Numbers instead of ids make the join of all pairs several times faster.
_LIKED = """
    CREATE TEMPORARY TABLE liked ON COMMIT DROP AS
    SELECT dense_rank() OVER (ORDER BY user_id)::int AS user_number,
        dense_rank() OVER (ORDER BY item_id)::int AS item_number, item_id,
        row_number() OVER (PARTITION BY user_id ORDER BY max(time) DESC, max(sequence) DESC) AS recency
    FROM interactions WHERE weight > %s::float8 GROUP BY user_id, item_id
"""

_USERS = """
    CREATE TEMPORARY TABLE users_of ON COMMIT DROP AS
    SELECT item_number, item_id, count(*) AS users FROM liked GROUP BY item_number, item_id
"""

_TOGETHER = """
    CREATE TEMPORARY TABLE together ON COMMIT DROP AS
    SELECT a.item_number AS first, b.item_number AS second, count(*) AS users
    FROM liked AS a JOIN liked AS b ON a.user_number = b.user_number AND a.item_number < b.item_number
    WHERE a.recency <= %s::int AND b.recency <= %s::int
    GROUP BY a.item_number, b.item_number
"""

# Numbers follow the order of the ids, so that ties break by id and the rows arrive in the order of the primary key.
_INSERT_NEIGHBORS = """
    INSERT INTO item_neighbors (item_id, neighbor_id, weight)
    SELECT item.item_id, neighbor.item_id, placed.weight FROM (
        SELECT pair.*, row_number() OVER (PARTITION BY item ORDER BY weight DESC, neighbor) AS place FROM (
            SELECT both_ways.item, both_ways.neighbor,
                together.users / (sqrt(a.users::float8 * b.users::float8) + %s::float8) AS weight
            FROM together
            JOIN users_of AS a ON a.item_number = together.first
            JOIN users_of AS b ON b.item_number = together.second
            CROSS JOIN LATERAL (VALUES (first, second), (second, first)) AS both_ways (item, neighbor)
        ) AS pair
    ) AS placed
    JOIN users_of AS item ON item.item_number = placed.item
    JOIN users_of AS neighbor ON neighbor.item_number = placed.neighbor
    WHERE place <= %s::int ORDER BY placed.item, placed.neighbor
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
        await connection.execute("ANALYZE liked, users_of")
        await connection.execute(_TOGETHER, [settings.user_items, settings.user_items])
        await connection.execute("ANALYZE together")
        # Deleted row by row, not truncated: a truncation would lock out the readers.
        await connection.execute("DELETE FROM item_popularity")
        popular = await connection.execute(
            "INSERT INTO item_popularity (item_id, users) SELECT item_id, users FROM users_of"
        )
        await connection.execute("DELETE FROM item_neighbors")
        neighbors = await connection.execute(_INSERT_NEIGHBORS, [settings.shrink, settings.neighbors])
        return NeighborCounts(popular.rowcount, neighbors.rowcount)

    return await database.transact(rebuild, budget)
