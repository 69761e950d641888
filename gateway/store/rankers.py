"""Rankers that were fitted on this catalogue, in PostgreSQL. Knows no list."""

from collections.abc import Sequence

from gateway.domain.budget import Budget
from gateway.ports import KeptRanker
from gateway.ranker.fitted import FittedRanker, parse_ranker
from gateway.ranker.spec import SpecInvalid
from gateway.store.pool import Database

MOST = 20
"""Newest that stay, beside those that a gateway held within the last day."""

_KEEP = """
    WITH kept AS (
        INSERT INTO rankers (version, ranker) VALUES (%s, %s)
        ON CONFLICT (version) DO UPDATE SET made_at = clock_timestamp()
    )
    DELETE FROM rankers WHERE held_at < now() - interval '1 day' AND version IN (
        SELECT version FROM rankers WHERE version <> %s ORDER BY made_at DESC, version OFFSET %s
    )
"""
# Once an hour is enough: gateways ask every few seconds.
_HOLD = "UPDATE rankers SET held_at = now() WHERE version = %s AND held_at < now() - interval '1 hour'"
_NEWEST = "SELECT version FROM rankers ORDER BY made_at DESC, version LIMIT 1"
_ONE = "SELECT ranker FROM rankers WHERE version = %s"
_ALL = "SELECT version, made_at, ranker FROM rankers ORDER BY made_at DESC, version"


class PostgresRankerStore:
    """RankerStore on ``rankers``. All methods raise StoreUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, ranker: FittedRanker, budget: Budget) -> None:
        """Makes it the newest of at most MOST, and of those that are held."""
        await self._database.execute(_KEEP, [ranker.version, ranker.to_json(), ranker.version, MOST - 1], budget)

    async def hold(self, version: str, budget: Budget) -> None:
        """Lets it stay for a day."""
        await self._database.execute(_HOLD, [version], budget)

    async def newest(self, budget: Budget) -> str:
        """Its version; empty where none was kept."""
        rows = await self._database.fetch(_NEWEST, [], budget)
        return str(rows[0][0]) if rows else ""

    async def get(self, version: str, budget: Budget) -> FittedRanker | None:
        """None for an unknown version. Raises SpecInvalid for one that cannot be read."""
        rows = await self._database.fetch(_ONE, [version], budget)
        return parse_ranker(str(rows[0][0])) if rows else None

    async def kept(self, budget: Budget) -> Sequence[KeptRanker]:
        """Newest first."""
        rows = await self._database.fetch(_ALL, [], budget)
        return [KeptRanker(str(version), made_at, _readable(str(text))) for version, made_at, text in rows]


def _readable(text: str) -> FittedRanker | None:
    try:
        return parse_ranker(text)
    except SpecInvalid:
        return None
