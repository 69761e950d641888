"""What users did, in PostgreSQL."""

from collections.abc import Sequence

from gateway.domain.budget import Budget
from gateway.domain.values import HistoryEvent
from gateway.store.pool import Database

_RECENT = """
    SELECT item_id, fields FROM (
        SELECT * FROM (
            SELECT DISTINCT ON (item_id) item_id, time, sequence FROM interactions
            WHERE user_id = %s::text AND weight > 0 ORDER BY item_id, time DESC, sequence DESC
        ) AS latest ORDER BY time DESC, sequence DESC LIMIT %s
    ) AS recent LEFT JOIN items USING (item_id) ORDER BY time DESC, sequence DESC
"""

_LATEST_USERS = """
    SELECT user_id FROM interactions WHERE weight > 0 GROUP BY user_id ORDER BY max(time) DESC, user_id LIMIT %s
"""


class PostgresHistoryStore:
    """HistoryStore on the tables ``interactions`` and ``items``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def recent(self, user_id: str, limit: int, budget: Budget) -> Sequence[HistoryEvent]:
        """The user's distinct items of weight above 0, most recent first; of one moment, what was stored last first."""
        rows = await self._database.fetch(_RECENT, [user_id, limit], budget)
        return [HistoryEvent(item_id, fields) for item_id, fields in rows]

    async def latest_users(self, limit: int, budget: Budget) -> Sequence[str]:
        """Users by their latest item of weight above 0, most recent first; of one moment, by id."""
        rows = await self._database.fetch(_LATEST_USERS, [limit], budget)
        return [user_id for (user_id,) in rows]
