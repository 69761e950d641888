"""The tables: created once, by whoever comes first, and refused where they belong to a newer version."""

import asyncio
import random
import re

import numpy as np
import pytest
from psycopg import AsyncConnection

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.domain.values import Context, Impression, ModelIdentity, ScoredItem
from gateway.store.comparisons import PostgresComparisonStore
from gateway.store.feedback import PostgresFeedbackStore
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database, Row
from gateway.store.rankers import PostgresRankerStore
from gateway.store.schema import EMBEDDING_DIMENSION, LOCK_TIMEOUT_S, SCHEMA_VERSION, apply_schema, schema_sql
from tests.fakes.catalogues import film, indexed
from tests.fakes.rankers import without_trees

SOON_S = 60.0

# What versions 1 to 3 had beside today's tables, with one list of two items and one of none.
ITEM_BY_ITEM = [
    """
    CREATE TABLE impression_items (
        attribution_token text COLLATE "C" NOT NULL, item_id text COLLATE "C" NOT NULL, rank integer NOT NULL,
        first_stage_rank integer NOT NULL, logit double precision, score double precision,
        PRIMARY KEY (attribution_token, item_id)
    )
    """,
    """
    CREATE FUNCTION delete_items_of_impressions() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        DELETE FROM impression_items USING gone WHERE impression_items.attribution_token = gone.attribution_token;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER items_leave_with_their_impression AFTER DELETE ON impressions
        REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION delete_items_of_impressions()
    """,
    """
    INSERT INTO impressions (attribution_token, request_id, context, model, version, fingerprint, degraded)
    VALUES ('t', 'r', '{}', 'm', '1', 'f', '[]'), ('empty', 'r', '{}', 'm', '1', 'f', '[]')
    """,
    "INSERT INTO impression_items VALUES ('t', 'a', 2, 1, NULL, NULL), ('t', 'b', 1, 2, 0.25, 0.5)",
]

# What versions 1 to 4 had in place of item_relations and item_signals.
PAIR_BY_PAIR = """
    CREATE TABLE item_neighbors (
        item_id text COLLATE "C" NOT NULL, neighbor_id text COLLATE "C" NOT NULL, weight double precision NOT NULL,
        PRIMARY KEY (item_id, neighbor_id)
    )
"""


async def versions(database: Database) -> list[int]:
    return [version for (version,) in await database.fetch("SELECT version FROM schema_version", [], Budget(SOON_S))]


async def until_waiting(database: Database) -> None:
    """For a lock on a table."""
    query = "SELECT 1 FROM pg_locks WHERE locktype = 'relation' AND NOT granted"
    async with asyncio.timeout(SOON_S):
        while not await database.fetch(query, [], Budget(SOON_S)):
            await asyncio.sleep(0.01)


async def test_many_that_start_at_once_create_the_tables_once(postgres: str) -> None:
    databases = [Database(postgres, connections=1) for _ in range(4)]
    for database in databases:
        await database.open()
    await asyncio.gather(*[apply_schema(database, Budget(60)) for database in databases])
    assert await versions(databases[0]) == [SCHEMA_VERSION]
    for database in databases:
        await database.close()


async def test_applying_again_keeps_what_is_stored(database: Database) -> None:
    await database.execute("INSERT INTO item_popularity VALUES ('a', 1)", [], Budget(SOON_S))
    await apply_schema(database, Budget(SOON_S))
    assert await database.fetch("SELECT * FROM item_popularity", [], Budget(SOON_S)) == [("a", 1)]
    assert await versions(database) == [SCHEMA_VERSION]


async def test_a_database_of_the_version_before_gets_what_it_lacks(database: Database) -> None:
    await PostgresItemStore(database).upsert(
        [indexed(film("a", year=1995.0, adult=True, genres=("x",)))], Budget(SOON_S)
    )
    for statement in ("DROP TABLE item_numbers", *ITEM_BY_ITEM, PAIR_BY_PAIR, "UPDATE schema_version SET version = 1"):
        await database.execute(statement, [], Budget(SOON_S))
    await apply_schema(database, Budget(SOON_S))
    assert await versions(database) == [1, SCHEMA_VERSION]
    assert await database.fetch("SELECT * FROM item_numbers", [], Budget(SOON_S)) == [("a", "year", 1995.0)]
    await database.execute("DELETE FROM schema_version WHERE version = 1", [], Budget(SOON_S))


@pytest.mark.parametrize("version", [2, 3])
async def test_lists_that_were_kept_item_by_item_are_shown_as_before(database: Database, version: int) -> None:
    soon = Budget(SOON_S)
    columns = "DROP COLUMN item_ids, DROP COLUMN first_stage_ranks, DROP COLUMN logits, DROP COLUMN scores"
    today = ("DROP VIEW shown_items", f"ALTER TABLE impressions {columns}")
    checked = ("ALTER TABLE impression_items ADD FOREIGN KEY (attribution_token) REFERENCES impressions",)
    before = (*today, *ITEM_BY_ITEM, PAIR_BY_PAIR, *(checked if version == 2 else ()))
    for statement in (*before, f"UPDATE schema_version SET version = {version}"):
        await database.execute(statement, [], soon)
    await apply_schema(database, soon)
    assert await database.fetch("SELECT * FROM shown_items ORDER BY attribution_token, rank", [], soon) == [
        ("t", "b", 1, 2, 0.25, 0.5),
        ("t", "a", 2, 1, None, None),
    ]
    assert await database.fetch("SELECT to_regclass('impression_items')", [], soon) == [(None,)]
    await database.execute("DELETE FROM impressions", [], soon)  # no trigger asks for the old table
    await database.execute(f"DELETE FROM schema_version WHERE version = {version}", [], soon)


async def test_neighbours_that_were_kept_pair_by_pair_leave_room_for_relations(database: Database) -> None:
    new = ("item_relations", "item_signals", "rankers", "signals_version")
    for statement in (*(f"DROP TABLE {table}" for table in new), PAIR_BY_PAIR, "UPDATE schema_version SET version = 4"):
        await database.execute(statement, [], Budget(SOON_S))
    await apply_schema(database, Budget(SOON_S))
    assert await database.fetch("SELECT to_regclass('item_neighbors')", [], Budget(SOON_S)) == [(None,)]
    for table in new:
        assert await database.fetch(f"SELECT * FROM {table}", [], Budget(SOON_S)) == []
    assert await versions(database) == [4, SCHEMA_VERSION]
    await database.execute("DELETE FROM schema_version WHERE version = 4", [], Budget(SOON_S))


async def test_what_was_compared_of_models_alone_is_told_beside_what_is_compared_of_rankers(database: Database) -> None:
    """Version 5 named both sides by model, and knew neither kinds of request nor held rankers."""
    soon, kept = Budget(SOON_S), without_trees()
    await PostgresRankerStore(database).keep(kept, soon)
    for statement in (
        "ALTER TABLE shadow_comparisons RENAME champion TO champion_model",
        "ALTER TABLE shadow_comparisons RENAME challenger TO challenger_model",
        "ALTER TABLE shadow_comparisons ADD COLUMN challenger_fingerprint text NOT NULL",
        "ALTER TABLE impressions DROP COLUMN kind, DROP COLUMN orderer, DROP COLUMN orderer_version",
        "ALTER TABLE rankers DROP COLUMN held_at",
        """
        INSERT INTO shadow_comparisons (champion_model, champion_version, challenger_model, challenger_version,
            challenger_fingerprint, outcome, requests) VALUES ('m', '1', 'm', '2', 'f', 'busy', 3)
        """,
        "UPDATE schema_version SET version = 5",
    ):
        await database.execute(statement, [], soon)
    await apply_schema(database, soon)
    [day] = await PostgresComparisonStore(database).report(1, soon)
    assert (day.champion, day.challenger, day.dropped) == ("m:1", "m:2", 3)
    await PostgresRankerStore(database).hold(kept.version, soon)
    assert await PostgresRankerStore(database).get(kept.version, soon) == kept
    shown = Impression("t", "r", Context(user_id="u"), ModelIdentity("m", "1", "f"), [])
    await PostgresFeedbackStore(database).record_impression(shown, soon)
    await database.execute("DELETE FROM schema_version WHERE version = 5", [], soon)


async def test_items_that_nobody_liked_get_a_popularity_of_zero(database: Database) -> None:
    """Version 6 kept that of liked items alone."""
    soon = Budget(SOON_S)
    await PostgresItemStore(database).upsert([indexed(film("liked")), indexed(film("not"))], soon)
    for statement in (
        "DELETE FROM item_popularity",
        "INSERT INTO item_popularity VALUES ('liked', 3)",
        "UPDATE schema_version SET version = 6",
    ):
        await database.execute(statement, [], soon)
    await apply_schema(database, soon)
    found = await database.fetch("SELECT item_id, users FROM item_popularity ORDER BY item_id", [], soon)
    assert found == [("liked", 3), ("not", 0)]
    await database.execute("DELETE FROM schema_version WHERE version = 6", [], soon)


async def test_the_items_of_a_list_leave_with_it(database: Database) -> None:
    feedback, soon = PostgresFeedbackStore(database), Budget(SOON_S)
    for token in ("old", "new"):
        shown = [ScoredItem(f"i{rank}", rank, rank, 0.1 * rank, 0.5) for rank in (1, 2)]
        identity = ModelIdentity("cross_encoder", "1", "f")
        await feedback.record_impression(Impression(token, "r", Context(user_id="u"), identity, shown), soon)
    await database.execute("DELETE FROM impressions WHERE attribution_token = 'old'", [], soon)
    left = await database.fetch("SELECT attribution_token, item_id FROM shown_items ORDER BY 2", [], soon)
    assert left == [("new", "i1"), ("new", "i2")]


async def test_tables_that_are_there_are_neither_locked_nor_written(database: Database) -> None:
    async def held(connection: AsyncConnection[Row]) -> None:
        for table in ("items", "interactions", "impressions", "item_popularity"):
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        await apply_schema(database, Budget(SOON_S / 4))

    await database.transact(held, Budget(SOON_S))


async def test_who_waits_for_a_table_lets_writers_of_the_others_through(database: Database) -> None:
    starts: list[asyncio.Task[None]] = []

    async def held(connection: AsyncConnection[Row]) -> None:
        await connection.execute("LOCK TABLE item_popularity IN ROW EXCLUSIVE MODE")  # as whoever writes it
        starts.append(asyncio.create_task(apply_schema(database, Budget(SOON_S))))
        await until_waiting(database)
        assert await PostgresItemStore(database).delete(["none"], Budget(SOON_S / 4)) == 0
        assert await database.execute("DELETE FROM interactions RETURNING 1", [], Budget(SOON_S / 4)) == []

    await database.execute("DELETE FROM schema_version", [], Budget(SOON_S))
    await database.transact(held, Budget(SOON_S))
    await starts[0]
    assert await versions(database) == [SCHEMA_VERSION], "it tried again"


async def test_who_waited_too_long_for_a_table_says_so(database: Database) -> None:
    async def held(connection: AsyncConnection[Row]) -> None:
        await connection.execute("LOCK TABLE item_popularity IN ROW EXCLUSIVE MODE")
        with pytest.raises(StoreUnavailable, match="other transactions hold the tables: end long ones"):
            await apply_schema(database, Budget(LOCK_TIMEOUT_S + 1.5))

    await database.execute("DELETE FROM schema_version", [], Budget(SOON_S))
    await database.transact(held, Budget(SOON_S))
    await apply_schema(database, Budget(SOON_S))


async def test_applying_again_waits_for_nobody_who_reads_the_lists(database: Database) -> None:
    async def read(connection: AsyncConnection[Row]) -> None:
        await connection.execute("SELECT FROM shown_items")  # holds the lock of a reader until the end
        await apply_schema(database, Budget(SOON_S / 4))

    await database.execute("DELETE FROM schema_version", [], Budget(SOON_S))
    await database.transact(read, Budget(SOON_S))
    assert await versions(database) == [SCHEMA_VERSION], "it was applied, beside the reader"


async def test_a_list_is_stored_as_it_was_shown_to_the_last_bit(database: Database) -> None:
    seed = 20261123
    draw = random.Random(seed)
    shown = [
        ScoredItem('a "quoted", {id} \\ ünï', 1, 9, float(np.float32(draw.uniform(-9, 9))), draw.random()),
        ScoredItem("b", 2, 1, draw.uniform(-1e-9, 1e-9), 5e-324),
        ScoredItem("c", 3, 2, None, None),
    ]
    identity, soon = ModelIdentity("cross_encoder", "1", "f"), Budget(SOON_S)
    await PostgresFeedbackStore(database).record_impression(
        Impression("t", "r", Context(user_id="u"), identity, shown), soon
    )
    columns = "item_id, rank, first_stage_rank, logit, score"
    stored = await database.fetch(f"SELECT {columns} FROM shown_items ORDER BY rank", [], soon)
    assert stored == [(one.item_id, one.rank, one.first_stage_rank, one.logit, one.score) for one in shown], (
        f"seed {seed}"
    )


async def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(database: Database) -> None:
    newer = SCHEMA_VERSION + 1
    await database.execute("INSERT INTO schema_version (version) VALUES (%s)", [newer], Budget(SOON_S))
    await database.execute("DROP INDEX impressions_time", [], Budget(SOON_S))
    try:
        with pytest.raises(StoreUnavailable, match=f"version {newer}.*knows {SCHEMA_VERSION}.*upgrade"):
            await apply_schema(database, Budget(SOON_S))
        assert await database.fetch("SELECT to_regclass('impressions_time')", [], Budget(SOON_S)) == [(None,)]
    finally:
        await database.execute("DELETE FROM schema_version", [], Budget(SOON_S))
        await apply_schema(database, Budget(SOON_S))


async def test_the_width_of_the_vectors_is_that_of_the_constant(database: Database) -> None:
    statement = "SELECT atttypmod FROM pg_attribute WHERE attrelid = 'items'::regclass AND attname = 'embedding'"
    assert await database.fetch(statement, [], Budget(SOON_S)) == [(EMBEDDING_DIMENSION,)]


def test_every_statement_can_be_repeated_and_nothing_is_left_to_fill_in() -> None:
    statements = schema_sql()
    created = re.findall(r"^CREATE (OR REPLACE|\w+ IF NOT EXISTS)?", statements, re.MULTILINE)
    assert len(created) > 10
    assert all(created)
    assert "{" not in statements
