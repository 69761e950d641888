"""Creates the tables, and says which version of them this code knows. Knows no rows."""

from importlib.resources import files

from psycopg import AsyncConnection

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.store.pool import Database, Row

EMBEDDING_DIMENSION = 384
"""Of every stored vector: the width of the bi-encoder. Another width needs a new database."""

SCHEMA_VERSION = 6

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
}
"""What schema.sql cannot do for a database of an older version: statements by the version that they lead to."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtext('crossrank.schema'))"


def schema_sql() -> str:
    """The statements of schema.sql."""
    text = files("gateway.store").joinpath("schema.sql").read_text(encoding="utf-8")
    return text.replace("{dimension}", str(EMBEDDING_DIMENSION))


async def apply_schema(database: Database, budget: Budget) -> None:
    """Creates what is missing. Raises StoreUnavailable when the database belongs to a newer crossrank."""

    async def create(connection: AsyncConnection[Row]) -> None:
        await connection.execute(_LOCK)  # two starting gateways would collide in the catalogue of PostgreSQL
        found = await _version(connection)
        if found > SCHEMA_VERSION:
            raise StoreUnavailable(
                f"the database has schema version {found}; this crossrank knows {SCHEMA_VERSION}: upgrade crossrank"
            )
        await connection.execute(schema_sql())
        for version in range(found + 1 if found else SCHEMA_VERSION + 1, SCHEMA_VERSION + 1):
            if version in _UPGRADES:
                await connection.execute(_UPGRADES[version])
        await connection.execute(
            "INSERT INTO schema_version (version) VALUES (%s) ON CONFLICT DO NOTHING", [SCHEMA_VERSION]
        )

    await database.transact(create, budget)


async def _version(connection: AsyncConnection[Row]) -> int:
    """The version that is stored; 0 for an empty database."""
    exists = await (await connection.execute("SELECT to_regclass('schema_version') IS NOT NULL")).fetchone()
    if exists != (True,):
        return 0
    found = await (await connection.execute("SELECT max(version) FROM schema_version")).fetchone()
    return int(found[0]) if found and found[0] is not None else 0
