"""What PostgreSQL forgets: impressions after their days, and on request what a user did and was shown. In short
transactions that lock nothing but the rows they delete."""

import asyncio
from dataclasses import dataclass

import structlog

from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError
from gateway.store.pool import Database

BATCH_ROWS = 1000
BATCH_PAGES = 256
"""Of a table without an index on what is looked for: so many are read in one statement, 2 MiB."""
STATEMENT_S = 30.0
PAUSE_S, REST_S = 0.5, 60.0
"""After a batch, and when nothing is left to clear."""

_log = structlog.get_logger(__name__)

# Several gateways clear at once: none waits for rows that another deletes.
_CLEAR = """
    DELETE FROM impressions WHERE attribution_token = ANY (ARRAY(
        SELECT attribution_token FROM impressions WHERE time < now() - make_interval(days => %s)
        ORDER BY time LIMIT %s FOR UPDATE SKIP LOCKED
    )) RETURNING 1
"""

_FORGET_DONE = """
    DELETE FROM interactions WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM interactions WHERE user_id = %s LIMIT %s
    )) RETURNING 1
"""

_PAGES = "SELECT pg_relation_size(%s::regclass) / current_setting('block_size')::bigint"
_IN_PAGES = "DELETE FROM {table} WHERE ctid >= %s::tid AND ctid < %s::tid AND {condition} RETURNING 1"
_OF_USER = "context->>'user_id' = %s"
_OLDER = "time < now() - make_interval(days => %s)"


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Rows that were deleted. Comparisons name no user."""

    interactions: int = 0
    impressions: int = 0
    comparisons: int = 0


class PostgresRetention:
    """Deletes in ``interactions``, ``impressions`` and ``shadow_comparisons``. All raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def clear_impressions(self, days: int, budget: Budget) -> int:
        """Deletes some of the impressions that are older, the oldest first; 0: none is left."""
        return len(await self._database.execute(_CLEAR, [days, BATCH_ROWS], budget))

    async def keep_clear(self, days: int) -> None:
        """Clears impressions for ever; cancel to stop. While PostgreSQL is away it waits."""
        while True:
            cleared = 0
            try:
                cleared = await self.clear_impressions(days, Budget(STATEMENT_S))
            except CrossrankError as fault:
                _log.warning("impressions_not_cleared", fault=fault.message)
            await asyncio.sleep(PAUSE_S if cleared else REST_S)

    async def forget_user(self, user_id: str) -> Forgotten:
        """Everything that names the user. What popularity and relations learned of it stays until they are rebuilt."""
        interactions = 0
        while deleted := await self._delete(_FORGET_DONE, [user_id, BATCH_ROWS]):
            interactions += deleted
        return Forgotten(interactions, await self._in_pages("impressions", _OF_USER, user_id))

    async def forget_older(self, days: int) -> Forgotten:
        """Everything that happened before."""
        return Forgotten(
            await self._in_pages("interactions", _OLDER, days),
            await self._in_pages("impressions", _OLDER, days),
            await self._in_pages("shadow_comparisons", _OLDER, days),
        )

    async def _in_pages(self, table: str, condition: str, value: object) -> int:
        """One pass over the table: an index that only a rare command needs would cost every write."""
        [(pages,)] = await self._database.fetch(_PAGES, [table], Budget(STATEMENT_S))
        query, deleted = _IN_PAGES.format(table=table, condition=condition), 0
        for page in range(0, pages, BATCH_PAGES):
            deleted += await self._delete(query, [f"({page},0)", f"({page + BATCH_PAGES},0)", value])
        return deleted

    async def _delete(self, query: str, parameters: list[object]) -> int:
        return len(await self._database.execute(query, parameters, Budget(STATEMENT_S)))
