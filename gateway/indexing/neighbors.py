"""Derives popularity and item neighbours from all interactions, in SQL, in one transaction: readers see old or new."""

from dataclasses import dataclass

from gateway.budget import Budget
from gateway.store.database import Database

_POPULARITY = """
INSERT INTO item_popularity
SELECT item_id, count(DISTINCT user_id) FROM interactions WHERE weight > 0 GROUP BY item_id
"""

_NEIGHBORS = """
WITH positive AS (
    SELECT user_id, item_id FROM (
        SELECT user_id, item_id, row_number() OVER (PARTITION BY user_id ORDER BY max(time) DESC, item_id) AS place
        FROM interactions WHERE weight > 0 GROUP BY user_id, item_id
    ) AS latest WHERE place <= %(user_items)s
), users AS (
    SELECT item_id, count(*)::float8 AS number FROM positive GROUP BY item_id
), together AS (
    SELECT a.item_id, b.item_id AS neighbor_id, count(*) AS number
    FROM positive a JOIN positive b ON a.user_id = b.user_id AND a.item_id <> b.item_id GROUP BY 1, 2
), weighted AS (
    SELECT t.item_id, t.neighbor_id, t.number / (sqrt(a.number * b.number) + %(shrink)s) AS weight
    FROM together t JOIN users a ON a.item_id = t.item_id JOIN users b ON b.item_id = t.neighbor_id
), placed AS (
    SELECT *, row_number() OVER (PARTITION BY item_id ORDER BY weight DESC, neighbor_id) AS place FROM weighted
)
INSERT INTO item_neighbors SELECT item_id, neighbor_id, weight FROM placed WHERE place <= %(neighbors)s
"""


@dataclass(frozen=True, slots=True)
class NeighborPlan:
    """weight(i, j) = users of both / (sqrt(users of i * users of j) + shrink); the best ``neighbors`` of each item.

    Of a user only the latest ``user_items`` count: the pairs of one user grow with the square of their number.
    """

    shrink: float = 2.0
    neighbors: int = 200
    user_items: int = 500


async def rebuild(database: Database, budget: Budget, plan: NeighborPlan = NeighborPlan()) -> int:
    """Rebuilds both tables; how many neighbour rows there are. Raises StoreUnavailable, leaving the old tables."""
    parameters = {"shrink": plan.shrink, "neighbors": plan.neighbors, "user_items": plan.user_items}
    async with database.connection(budget) as connection, connection.transaction():
        await connection.execute("LOCK TABLE item_neighbors, item_popularity IN EXCLUSIVE MODE")
        await connection.execute("DELETE FROM item_popularity")
        await connection.execute(_POPULARITY)
        await connection.execute("DELETE FROM item_neighbors")
        inserted = await connection.execute(_NEIGHBORS, parameters)
        return inserted.rowcount
