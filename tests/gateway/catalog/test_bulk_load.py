"""Loads of any size: in batches, each whole, repeatable after a break, with what was left out counted."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from gateway.catalog.bulk_load import BatchLimits, InteractionCounts, load_interactions, load_items
from gateway.catalog.writer import CatalogWriter
from gateway.domain.budget import Budget
from gateway.domain.errors import InvalidRequest, ModelUnavailable
from gateway.domain.values import Interaction, Item, WriteCounts
from gateway.encoding.pair_encoder import PairEncoder
from gateway.store.histories import PostgresHistoryStore
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.catalogues import did, film, indexed
from tests.fakes.embedders import HashingEmbedder
from tests.fakes.specs import small_spec
from tests.fakes.tokenizers import bert_like

SMALL = BatchLimits(items=10, interactions=10)


class Broken(Exception):
    """The file cannot be read on."""


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def writer(database: Database, embedder: HashingEmbedder) -> CatalogWriter:
    encoder = PairEncoder(small_spec(), bert_like())
    return CatalogWriter(PostgresItemStore(database), embedder, lambda: encoder)


def films(count: int, broken_at: int | None = None) -> Iterator[Item]:
    for number in range(count):
        if number == broken_at:
            raise Broken
        yield film(f"m{number:03}")


async def listed(database: Database) -> list[str]:
    return [item.item_id for item in await PostgresItemStore(database).list("", 1000, (), Budget(10))]


async def recent(database: Database, user_id: str) -> list[str]:
    return [event.item_id for event in await PostgresHistoryStore(database).recent(user_id, 1000, Budget(10))]


async def store_films(database: Database, *item_ids: str) -> None:
    await PostgresItemStore(database).upsert([indexed(film(item_id)) for item_id in item_ids], Budget(30))


async def test_items_are_written_in_batches_and_progress_is_told(database: Database, writer: CatalogWriter) -> None:
    steps: list[int] = []
    assert await load_items(writer, films(25), steps.append, SMALL) == WriteCounts(inserted=25)
    assert steps == [10, 10, 5]
    assert len(await listed(database)) == 25


async def test_a_load_of_items_that_broke_off_is_repeated_without_embedding_twice(
    database: Database, writer: CatalogWriter, embedder: HashingEmbedder
) -> None:
    with pytest.raises(Broken):
        await load_items(writer, films(25, broken_at=23), lambda _: None, SMALL)
    assert len(await listed(database)) == 20
    assert await load_items(writer, films(25), lambda _: None, SMALL) == WriteCounts(inserted=5, unchanged=20)
    assert len(embedder.texts) == 25


async def test_batches_before_a_failing_one_stay(
    database: Database, writer: CatalogWriter, embedder: HashingEmbedder
) -> None:
    def fail_after_the_first(_: int) -> None:
        embedder.fault = ModelUnavailable("gone")

    with pytest.raises(ModelUnavailable):
        await load_items(writer, films(25), fail_after_the_first, SMALL)
    assert len(await listed(database)) == 10


async def test_interactions_become_histories_in_the_order_of_time_then_of_the_file(database: Database) -> None:
    await store_films(database, "a", "b", "c", "d")
    rows = [did("u", "a", 5), did("u", "d", 1), did("u", "c", 1), did("u", "b", 1), did("v", "a")]
    steps: list[int] = []
    assert await load_interactions(database, rows, steps.append, BatchLimits(interactions=2)) == InteractionCounts(5)
    assert await recent(database, "u") == ["a", "b", "c", "d"]
    assert steps == [2, 2, 1]


async def test_interactions_loaded_again_change_nothing(database: Database) -> None:
    await store_films(database, "a", "b")
    rows = [did("u", "a", 1), did("u", "b", 1), did("u", "a", 1)]
    assert await load_interactions(database, rows, lambda _: None) == InteractionCounts(recorded=2, unchanged=1)
    assert await load_interactions(database, rows, lambda _: None) == InteractionCounts(unchanged=3)
    assert await recent(database, "u") == ["b", "a"]


async def test_interactions_with_unknown_items_are_left_out_and_counted(database: Database) -> None:
    await store_films(database, "a")
    rows = [did("u", "a", 1), did("u", "zz", 2), did("u", "zz", 3)]
    assert await load_interactions(database, rows, lambda _: None) == InteractionCounts(recorded=1, unknown_items=2)
    assert await recent(database, "u") == ["a"]


async def test_one_bad_row_stops_its_whole_batch_and_nothing_else(database: Database) -> None:
    await store_films(database, "a", "b", "c")
    rows = [did("u", "a"), did("u", "b"), did("u\0", "c")]
    with pytest.raises(InvalidRequest):
        await load_interactions(database, rows, lambda _: None, BatchLimits(interactions=1))
    assert set(await recent(database, "u")) == {"a", "b"}
    with pytest.raises(InvalidRequest):
        await load_interactions(database, [did("v", "a"), did("v\0", "c")], lambda _: None)
    assert await recent(database, "v") == []


async def test_interactions_come_back_to_the_microsecond_with_their_weight(database: Database) -> None:
    await store_films(database, "a")
    moment = datetime(1998, 2, 3, 4, 5, 6, 789_012, UTC)
    await load_interactions(database, [Interaction("u", "a", "view", -0.125, moment, "token")], lambda _: None)
    statement = "SELECT user_id, item_id, event, time, weight, attribution_token FROM interactions"
    assert await database.fetch(statement, [], Budget(10)) == [("u", "a", "view", moment, -0.125, "token")]


async def test_nothing_to_load_is_nothing_loaded(database: Database, writer: CatalogWriter) -> None:
    assert await load_items(writer, [], lambda _: None) == WriteCounts()
    assert await load_interactions(database, [], lambda _: None) == InteractionCounts()
