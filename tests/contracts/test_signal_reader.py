"""The contract of every SignalReader: records of the items found, the same for every question, and a version."""

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import numpy as np
import pytest

from gateway.cache.signals import CachedSignals
from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.ports import SignalReader
from gateway.ranker.signals import ItemSignals
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from gateway.store.signals import PostgresSignalStore, signal_row
from tests.fakes.catalogues import film, indexed
from tests.fakes.embedders import embed_words
from tests.fakes.signals import MemorySignals, liked, same

IDS = ["a", "b", "'; --", "日本語 🎬"]
SOON_S = 30.0


def made() -> dict[str, ItemSignals]:
    """Of every item; "b" is liked by nobody."""
    random = np.random.default_rng(1)
    signals = {}
    for item_id in IDS:
        whole = liked(random, {other: [1.0, 0.0, 0.5] for other in IDS if other != item_id})
        known = whole if item_id != "b" else ItemSignals()
        signals[item_id] = ItemSignals(known.neighbors, known.weights, known.smooth, embed_words(f"film {item_id}"))
    return signals


@dataclass(frozen=True)
class Reading:
    """A reader of the records of ``made``, and how they are made anew."""

    reader: SignalReader
    make_anew: Callable[[], Awaitable[None]]


def in_memory(request: pytest.FixtureRequest) -> Reading:
    memory = MemorySignals(made())

    async def make_anew() -> None:
        memory.made += 1

    return Reading(memory, make_anew)


def in_postgres(request: pytest.FixtureRequest) -> Reading:
    database: Database = request.getfixturevalue("with_signals")

    async def make_anew() -> None:
        statement = "INSERT INTO signals_version (version) VALUES (1) ON CONFLICT (only_row) DO UPDATE SET version ="
        await database.execute(f"{statement} signals_version.version + 1", [], Budget(SOON_S))

    return Reading(PostgresSignalStore(database), make_anew)


def cached(items: int) -> Callable[[pytest.FixtureRequest], Reading]:
    def make(request: pytest.FixtureRequest) -> Reading:
        inner = in_memory(request)
        return Reading(CachedSignals(inner.reader, items), inner.make_anew)

    return make


@pytest.fixture
async def with_signals(database: Database) -> Database:
    await PostgresItemStore(database).upsert([indexed(film(item_id)) for item_id in IDS], Budget(SOON_S))
    for item_id, signals in made().items():
        if signals.smooth is not None:
            row = [item_id, *signal_row(signals)]
            await database.execute("INSERT INTO item_signals VALUES (%s, %s, %s, %s)", row, Budget(SOON_S))
    return database


@pytest.fixture(
    params=[
        pytest.param(in_memory, id="memory"),
        pytest.param(cached(100), id="cached"),
        pytest.param(cached(1), id="cached, one item"),
        pytest.param(cached(0), id="cached, nothing"),
        pytest.param(in_postgres, id="postgres", marks=pytest.mark.whole),
    ]
)
def reading(request: pytest.FixtureRequest) -> Reading:
    found: Reading = request.param(request)
    return found


async def test_items_that_are_known_come_with_all_that_is_known(reading: Reading) -> None:
    for _ in range(2):
        found = await reading.reader.of_history([*IDS, "unknown"], Budget(SOON_S))
        assert set(found) == set(IDS)
        for item_id, expected in made().items():
            assert same(found[item_id], expected), item_id


async def test_candidates_come_with_all_but_perhaps_their_neighbours(reading: Reading) -> None:
    for _ in range(2):
        found = await reading.reader.of_candidates([*IDS, "unknown"], Budget(SOON_S))
        assert set(found) == set(IDS)
        for item_id, expected in made().items():
            without = ItemSignals(smooth=expected.smooth, embedding=expected.embedding)
            own = found[item_id]
            assert same(ItemSignals(smooth=own.smooth, embedding=own.embedding), without), item_id


async def test_an_item_that_was_a_candidate_is_whole_as_one_of_a_history(reading: Reading) -> None:
    await reading.reader.of_candidates(IDS, Budget(SOON_S))
    found = await reading.reader.of_history(["a"], Budget(SOON_S))
    assert same(found["a"], made()["a"])


async def test_any_part_of_the_items_in_any_order_gives_the_same_records(reading: Reading) -> None:
    for some in itertools.permutations(IDS, 2):
        found = await reading.reader.of_history(some, Budget(SOON_S))
        assert set(found) == set(some)
        assert all(same(found[item_id], made()[item_id]) for item_id in some)
    assert set(await reading.reader.of_history(["a", "a"], Budget(SOON_S))) == {"a"}


async def test_nothing_is_known_of_nothing_and_of_strangers(reading: Reading) -> None:
    for read in (reading.reader.of_history, reading.reader.of_candidates):
        assert await read([], Budget(SOON_S)) == {}
        assert await read(["A", "a ", ""], Budget(SOON_S)) == {}


async def test_the_version_grows_when_the_signals_are_made_anew(reading: Reading) -> None:
    before = await reading.reader.version(Budget(SOON_S))
    assert await reading.reader.version(Budget(SOON_S)) == before
    await reading.make_anew()
    assert await reading.reader.version(Budget(SOON_S)) > before


async def test_without_time_there_is_no_answer(reading: Reading) -> None:
    for asked in (reading.reader.of_history(["a"], Budget(0)), reading.reader.version(Budget(0))):
        with pytest.raises(StoreUnavailable):
            await asked
