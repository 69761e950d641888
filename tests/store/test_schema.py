"""The tables: created once, by whoever comes first, and refused where they belong to a newer version."""

import asyncio
import re

import pytest

from gateway.budget import Budget
from gateway.errors import StoreUnavailable
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from gateway.store.schema import EMBEDDING_DIMENSION, SCHEMA_VERSION, apply_schema, schema_sql
from tests.fakes.catalogues import film, indexed

SOON_S = 60.0


async def versions(database: Database) -> list[int]:
    return [version for (version,) in await database.fetch("SELECT version FROM schema_version", [], Budget(SOON_S))]


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
    await database.execute("DROP TABLE item_numbers", [], Budget(SOON_S))
    await database.execute("UPDATE schema_version SET version = 1", [], Budget(SOON_S))
    await apply_schema(database, Budget(SOON_S))
    assert await versions(database) == [1, SCHEMA_VERSION]
    assert await database.fetch("SELECT * FROM item_numbers", [], Budget(SOON_S)) == [("a", "year", 1995.0)]
    await database.execute("DELETE FROM schema_version WHERE version = 1", [], Budget(SOON_S))


async def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(database: Database) -> None:
    newer = SCHEMA_VERSION + 1
    await database.execute("INSERT INTO schema_version (version) VALUES (%s)", [newer], Budget(SOON_S))
    await database.execute("DROP INDEX impressions_time", [], Budget(SOON_S))
    try:
        with pytest.raises(StoreUnavailable, match=f"version {newer}.*knows {SCHEMA_VERSION}.*upgrade"):
            await apply_schema(database, Budget(SOON_S))
        assert await database.fetch("SELECT to_regclass('impressions_time')", [], Budget(SOON_S)) == [(None,)]
    finally:
        await database.execute("DELETE FROM schema_version WHERE version = %s", [newer], Budget(SOON_S))
        await apply_schema(database, Budget(SOON_S))


async def test_the_width_of_the_vectors_is_that_of_the_constant(database: Database) -> None:
    statement = "SELECT atttypmod FROM pg_attribute WHERE attrelid = 'items'::regclass AND attname = 'embedding'"
    assert await database.fetch(statement, [], Budget(SOON_S)) == [(EMBEDDING_DIMENSION,)]


def test_every_statement_can_be_repeated_and_nothing_is_left_to_fill_in() -> None:
    statements = schema_sql()
    created = re.findall(r"^CREATE \w+( IF NOT EXISTS)?", statements, re.MULTILINE)
    assert len(created) > 10
    assert all(created)
    assert "{" not in statements
