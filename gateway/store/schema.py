"""Creates the tables, and says which version of them this code knows. Knows no rows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

import psycopg
import structlog
from psycopg import AsyncConnection

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.store.pool import Database, Row

EMBEDDING_DIMENSION = 384
"""Of every stored vector: the width of the bi-encoder. Another width needs a new database."""

SCHEMA_VERSION = 7

_UPGRADES = {
    2: """
        INSERT INTO item_numbers (item_id, attribute, value)
        SELECT item_id, key, value::float8 FROM items, jsonb_each(attributes) WHERE jsonb_typeof(value) = 'number'
    """,
    4: """
        UPDATE impressions SET
            item_ids = old.item_ids, first_stage_ranks = old.first_stage_ranks, logits = old.logits, scores = old.scores
        FROM (
            SELECT attribution_token, array_agg(item_id ORDER BY rank) AS item_ids,
                array_agg(first_stage_rank ORDER BY rank) AS first_stage_ranks,
                array_agg(logit ORDER BY rank) AS logits, array_agg(score ORDER BY rank) AS scores
            FROM impression_items GROUP BY attribution_token
        ) AS old
        WHERE old.attribution_token = impressions.attribution_token;
        DROP TRIGGER items_leave_with_their_impression ON impressions;
        DROP FUNCTION delete_items_of_impressions;
        DROP TABLE impression_items
    """,
    5: "DROP TABLE item_neighbors",
    6: """
        ALTER TABLE rankers ADD COLUMN IF NOT EXISTS held_at timestamptz NOT NULL DEFAULT '-infinity';
        ALTER TABLE impressions ADD COLUMN IF NOT EXISTS kind text NOT NULL DEFAULT '',
            ADD COLUMN IF NOT EXISTS orderer text NOT NULL DEFAULT '',
            ADD COLUMN IF NOT EXISTS orderer_version text NOT NULL DEFAULT '';
        ALTER TABLE shadow_comparisons DROP COLUMN IF EXISTS challenger_fingerprint;
        DO $$ BEGIN
            ALTER TABLE shadow_comparisons RENAME champion_model TO champion;
            ALTER TABLE shadow_comparisons RENAME challenger_model TO challenger;
        EXCEPTION WHEN undefined_column THEN NULL; END $$
    """,
    7: "INSERT INTO item_popularity (item_id, users) SELECT item_id, 0 FROM items ON CONFLICT DO NOTHING",
}
"""What schema.sql cannot do for a database of an older version: statements by the version that they lead to."""

LOCK_TIMEOUT_S = 1.0
"""Longest wait for a table: meanwhile everybody else waits for those that are locked already."""

TRY_S = 30.0
"""For PostgreSQL to answer and for the tables to be made, before it is told and tried again."""

_FIRST_S = 2.0
"""For a server that is there: whoever serves then finds the tables from the first call on."""

_PAUSE_S = 1.0
"""Between two tries, so that those who waited get through."""

_LOCK_TIMEOUT = f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_S}s'"
_LOCK = "SELECT pg_advisory_xact_lock(hashtext('crossrank.schema'))"
_EXISTS = "SELECT to_regclass('schema_version') IS NOT NULL"
_VERSION = "SELECT coalesce(max(version), 0) FROM schema_version"

_log = structlog.get_logger(__name__)


class SchemaTooNew(StoreUnavailable):
    """The database belongs to a newer crossrank: waiting does not help."""


class _TablesHeld(Exception):
    """Somebody else holds what is to be changed."""


def schema_sql() -> str:
    """The statements of schema.sql."""
    text = files("gateway.store").joinpath("schema.sql").read_text(encoding="utf-8")
    return text.replace("{dimension}", str(EMBEDDING_DIMENSION))


@asynccontextmanager
async def applying_schema(database: Database) -> AsyncIterator[None]:
    """As apply_schema, until it is done, however long PostgreSQL is away: after two seconds beside the block, which
    SchemaTooNew ends."""

    async def repeat() -> None:
        while True:
            try:
                return await apply_schema(database, Budget(TRY_S))
            except SchemaTooNew:
                raise
            except StoreUnavailable as fault:
                _log.warning("schema_not_applied", fault=fault.message)
            await asyncio.sleep(_PAUSE_S)

    try:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(repeat())
            await asyncio.wait({task}, timeout=_FIRST_S)
            yield
            task.cancel()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


async def apply_schema(database: Database, budget: Budget) -> None:
    """Creates what is missing; where nothing is, it only reads. Raises SchemaTooNew, or StoreUnavailable: PostgreSQL is
    away, or others hold its tables for too long."""
    while await _version(database, budget) < SCHEMA_VERSION:
        try:
            await database.transact(_create, budget)
        except _TablesHeld:
            if budget.left_s < LOCK_TIMEOUT_S + _PAUSE_S:
                raise StoreUnavailable(
                    f"schema version {SCHEMA_VERSION} is to be made, and other transactions hold the tables: end long "
                    "ones (crossrank index, open sessions; pg_stat_activity names them), then try again"
                ) from None
            await asyncio.sleep(_PAUSE_S)


async def _version(database: Database, budget: Budget) -> int:
    """The version that is stored; 0 for an empty database. Raises StoreUnavailable, SchemaTooNew."""
    if await database.fetch(_EXISTS, [], budget) != [(True,)]:
        return 0
    [(found,)] = await database.fetch(_VERSION, [], budget)
    if found > SCHEMA_VERSION:
        raise SchemaTooNew(
            f"the database has schema version {found}; this crossrank knows {SCHEMA_VERSION}: upgrade crossrank"
        )
    return int(found)


async def _create(connection: AsyncConnection[Row]) -> None:
    try:
        await connection.execute(_LOCK_TIMEOUT)
        await connection.execute(_LOCK)  # two starting gateways would collide in the catalogue of PostgreSQL
        exists = await (await connection.execute(_EXISTS)).fetchone()
        stored = await (await connection.execute(_VERSION)).fetchone() if exists == (True,) else None
        found = stored[0] if stored else 0
        if found >= SCHEMA_VERSION:
            return  # somebody else was first
        await connection.execute(schema_sql())
        for version in range(found + 1 if found else SCHEMA_VERSION + 1, SCHEMA_VERSION + 1):
            if version in _UPGRADES:
                await connection.execute(_UPGRADES[version])
        await connection.execute(
            "INSERT INTO schema_version (version) VALUES (%s) ON CONFLICT DO NOTHING", [SCHEMA_VERSION]
        )
    except psycopg.errors.LockNotAvailable as fault:
        raise _TablesHeld from fault
