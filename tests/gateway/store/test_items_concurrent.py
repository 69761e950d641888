"""Several writers at once on the same rows: nobody waits in a circle, nobody fails, nothing is written twice."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from psycopg import AsyncConnection

from gateway.catalog.bulk_load import BatchLimits, load_interactions
from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.domain.values import Interaction, Item, WriteCounts
from gateway.ports import IndexedItem
from gateway.store.feedback import PostgresFeedbackStore
from gateway.store.histories import PostgresHistoryStore
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.catalogues import did, film, indexed

BUDGET_S = 60.0
WRITERS = 4
ROUNDS = 5
SEEDS = [1, 2, 3]
IDS = [f"i{number:03d}" for number in range(100)]


def shuffled(items: Sequence[IndexedItem], draw: random.Random) -> list[IndexedItem]:
    return draw.sample(items, len(items))


def opinions(writer: int) -> list[Item]:
    """The whole catalogue as one writer sees it."""
    return [film(item_id, f"{item_id} by {writer}") for item_id in IDS]


@pytest.mark.parametrize("seed", SEEDS)
async def test_writers_of_the_same_items_in_any_order_all_succeed(database: Database, seed: int) -> None:
    draw, store = random.Random(seed), PostgresItemStore(database)
    batches = [
        shuffled([indexed(item) for item in opinions(writer)], draw) for writer in range(WRITERS) for _ in range(ROUNDS)
    ]
    counts = await asyncio.gather(*(store.upsert(batch, Budget(BUDGET_S)) for batch in batches))
    assert sum(one.inserted for one in counts) == len(IDS)
    assert all(one.inserted + one.updated + one.unchanged == len(IDS) for one in counts)
    titles = {item.fields["title"].split(" by ")[1] for item in (await store.get(IDS, Budget(BUDGET_S))).values()}
    assert len(titles) == 1, "the last batch stands whole, not mixed with another"


@pytest.mark.parametrize("seed", SEEDS)
async def test_writing_and_deleting_the_same_items_at_once_leaves_all_or_none(database: Database, seed: int) -> None:
    draw, store = random.Random(seed), PostgresItemStore(database)
    items = [indexed(film(item_id)) for item_id in IDS]

    async def write() -> WriteCounts:
        return await store.upsert(shuffled(items, draw), Budget(BUDGET_S))

    async def delete() -> int:
        return await store.delete(draw.sample(IDS, len(IDS)), Budget(BUDGET_S))

    ends = await asyncio.gather(*(work() for _ in range(ROUNDS) for work in (write, delete)))
    inserted = sum(one.inserted for one in ends if isinstance(one, WriteCounts))
    deleted = sum(one for one in ends if isinstance(one, int))
    left = await store.get(IDS, Budget(BUDGET_S))
    assert len(left) in {0, len(IDS)}
    assert inserted - deleted == len(left)


@asynccontextmanager
async def another_writer(url: str) -> AsyncIterator[None]:
    """Of another process, which has its turn while the block runs."""
    async with await AsyncConnection.connect(url) as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext('crossrank.items'))")
        yield


async def test_writers_that_wait_for_each_other_leave_the_connections_to_readers(
    database: Database, postgres: str
) -> None:
    store = PostgresItemStore(database)
    async with another_writer(postgres):
        writers = [asyncio.create_task(store.upsert([indexed(film(one))], Budget(BUDGET_S))) for one in IDS[:10]]
        deletion = asyncio.create_task(store.delete(["none"], Budget(BUDGET_S)))
        for _ in range(20):
            assert await store.get(IDS, Budget(BUDGET_S / 10)) == {}
        assert not any(one.done() for one in (*writers, deletion))
    await asyncio.gather(*writers, deletion)
    assert len(await store.get(IDS, Budget(BUDGET_S))) == 10


async def test_who_gets_no_turn_within_the_budget_is_told_to_come_again(database: Database, postgres: str) -> None:
    store = PostgresItemStore(database)
    async with another_writer(postgres):
        ends = await asyncio.gather(
            *(store.upsert([indexed(film(one))], Budget(0.5)) for one in IDS[:3]), return_exceptions=True
        )
    for end in ends:
        assert isinstance(end, StoreUnavailable)
        assert re.match(r"other writers of items did not end within 0\.5\d* s: send these again later", end.message)
    assert await store.get(IDS, Budget(BUDGET_S)) == {}


def evening(draw: random.Random, catalogue: Sequence[str]) -> list[list[Interaction]]:
    """The same interactions once for each writer: forwards, backwards, and in any order."""
    rows = [did("u", item_id, minute) for minute, item_id in enumerate(catalogue)]
    return [rows, rows[::-1], *(draw.sample(rows, len(rows)) for _ in range(WRITERS - 2))]


# Fewer rows are written too fast to meet: in key order or not, no writer would ever wait for another.
MANY = [f"i{number:04d}" for number in range(1000)]


@pytest.fixture
async def large(database: Database) -> Database:
    await PostgresItemStore(database).upsert([indexed(film(item_id)) for item_id in MANY], Budget(BUDGET_S))
    return database


@pytest.mark.parametrize("seed", SEEDS)
async def test_the_same_interactions_recorded_at_once_in_any_order_are_stored_once(large: Database, seed: int) -> None:
    store = PostgresFeedbackStore(large)
    batches = evening(random.Random(seed), MANY)
    for _ in range(ROUNDS):
        await large.execute("DELETE FROM interactions", [], Budget(BUDGET_S))
        counts = await asyncio.gather(*(store.record_interactions(batch, Budget(BUDGET_S)) for batch in batches))
        assert sum(recorded for recorded, _ in counts) == len(MANY)
    recent = await PostgresHistoryStore(large).recent("u", len(MANY) + 1, Budget(BUDGET_S))
    assert [event.item_id for event in recent] == MANY[::-1]


@pytest.mark.parametrize("seed", SEEDS)
async def test_loads_of_the_same_interactions_at_once_store_them_once(large: Database, seed: int) -> None:
    batches, limits = evening(random.Random(seed), MANY), BatchLimits(interactions=400)
    for _ in range(ROUNDS):
        await large.execute("DELETE FROM interactions", [], Budget(BUDGET_S))
        counts = await asyncio.gather(*(load_interactions(large, one, lambda _: None, limits) for one in batches))
        assert sum(one.recorded for one in counts) == len(MANY)
        assert all(one.recorded + one.unchanged == len(MANY) for one in counts)
