"""Rankers that were fitted on this catalogue, in PostgreSQL. Knows no list."""

from gateway.domain.budget import Budget
from gateway.ranker.fitted import FittedRanker, parse_ranker
from gateway.store.pool import Database

_KEEP = """
    INSERT INTO rankers (version, ranker) VALUES (%s, %s)
    ON CONFLICT (version) DO UPDATE SET made_at = clock_timestamp()
"""
_NEWEST = "SELECT version FROM rankers ORDER BY made_at DESC, version LIMIT 1"
_ONE = "SELECT ranker FROM rankers WHERE version = %s"


class PostgresRankerStore:
    """RankerStore on ``rankers``. All methods raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, ranker: FittedRanker, budget: Budget) -> None:
        """Makes it the newest."""
        await self._database.execute(_KEEP, [ranker.version, ranker.to_json()], budget)

    async def newest(self, budget: Budget) -> str:
        """Its version; empty where none was kept."""
        rows = await self._database.fetch(_NEWEST, [], budget)
        return str(rows[0][0]) if rows else ""

    async def get(self, version: str, budget: Budget) -> FittedRanker | None:
        """None for an unknown version. Raises SpecInvalid for one that cannot be read."""
        rows = await self._database.fetch(_ONE, [version], budget)
        return parse_ranker(str(rows[0][0])) if rows else None
