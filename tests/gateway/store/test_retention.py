"""What is too old or of one user leaves a real PostgreSQL, all of it and nothing else, and nobody waits for it."""

import asyncio

import psycopg
import pytest

from gateway.domain.budget import Budget
from gateway.store import retention
from gateway.store.pool import Database
from gateway.store.retention import Forgotten, PostgresRetention

SOON_S = 60.0
_DONE = """
    INSERT INTO interactions (user_id, item_id, event, time, weight)
    SELECT %s, 'item' || number, 'click', now() - make_interval(days => %s), 1 FROM generate_series(1, %s) AS number
"""
_SHOWN = """
    INSERT INTO impressions (
        attribution_token, request_id, context, model, version, fingerprint, degraded, time, item_ids
    )
    SELECT gen_random_uuid()::text, 'r', jsonb_strip_nulls(jsonb_build_object('user_id', %s::text)), 'm', '1', 'f',
        '[]', now() - make_interval(days => %s), array_fill('an item with a long name'::text, ARRAY[100])
    FROM generate_series(1, %s)
"""
_COMPARED = """
    INSERT INTO shadow_comparisons (
        time, champion, champion_version, challenger, challenger_version, outcome, requests
    )
    SELECT now() - make_interval(days => %s), 'a', '1', 'a', '2', 'busy', 1 FROM generate_series(1, %s)
"""


async def fill(database: Database, user: str | None, days: int, rows: int) -> None:
    if user is not None:
        await database.execute(_DONE, [user, days, rows], Budget(SOON_S))
    await database.execute(_SHOWN, [user, days, rows], Budget(SOON_S))


async def left(database: Database, table: str) -> int:
    [(rows,)] = await database.fetch(f"SELECT count(*) FROM {table}", [], Budget(SOON_S))
    assert isinstance(rows, int)
    return rows


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few rows and of one page."""
    monkeypatch.setattr(retention, "BATCH_ROWS", 7)
    monkeypatch.setattr(retention, "BATCH_PAGES", 1)


@pytest.mark.usefixtures("small")
async def test_a_user_is_forgotten_whole_and_alone(database: Database) -> None:
    for user, days in (("u", 1), ("other", 1), ("u", 400), (None, 1)):
        await fill(database, user, days, 30)
    store = PostgresRetention(database)
    assert await store.forget_user("u") == Forgotten(interactions=60, impressions=60)
    assert await store.forget_user("u") == Forgotten()
    assert (await left(database, "interactions"), await left(database, "impressions")) == (30, 60)


@pytest.mark.usefixtures("small")
async def test_everything_older_leaves_and_the_rest_stays(database: Database) -> None:
    for days in (10, 89, 91, 400):
        await fill(database, "u", days, 20)
        await database.execute(_COMPARED, [days, 20], Budget(SOON_S))
    found = await PostgresRetention(database).forget_older(90)
    assert found == Forgotten(interactions=40, impressions=40, comparisons=40)


@pytest.mark.usefixtures("small")
async def test_old_impressions_are_cleared_in_batches_while_a_gateway_runs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAUSE_S", 0.0)
    await fill(database, "u", 91, 30)
    await fill(database, "u", 89, 5)
    store = PostgresRetention(database)
    assert await store.clear_impressions(90, Budget(SOON_S)) == 7
    clearing = asyncio.create_task(store.keep_clear(90))
    async with asyncio.timeout(SOON_S):
        while await left(database, "impressions") > 5:
            await asyncio.sleep(0)
    clearing.cancel()
    assert await left(database, "interactions") == 35, "what users did stays"


async def test_clearing_waits_for_nobody_and_leaves_what_another_holds(database: Database, postgres: str) -> None:
    await fill(database, "u", 91, 3)
    async with await psycopg.AsyncConnection.connect(postgres) as other:
        await other.execute("SELECT FROM impressions LIMIT 1 FOR UPDATE")
        assert await PostgresRetention(database).clear_impressions(90, Budget(SOON_S)) == 2
    assert await PostgresRetention(database).clear_impressions(90, Budget(SOON_S)) == 1


async def test_a_database_that_is_away_is_asked_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "REST_S", 0.0)
    away = PostgresRetention(Database("postgresql://127.0.0.1:1/none", connections=1))
    monkeypatch.setattr(retention, "STATEMENT_S", 0.0)
    clearing = asyncio.create_task(away.keep_clear(90))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not clearing.done()
    clearing.cancel()
