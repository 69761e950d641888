"""Signals come back from PostgreSQL to the last bit, beside the vectors that pgvector keeps."""

import numpy as np
import pytest

from gateway.domain.budget import Budget
from gateway.ranker.signals import SMOOTH, SPARSE, ItemSignals
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from gateway.store.signals import PostgresSignalStore, signal_row
from tests.fakes.catalogues import film, indexed
from tests.fakes.embedders import embed_words
from tests.fakes.signals import cold, liked, same

SOON_S = 30.0
WRITE = "INSERT INTO item_signals VALUES (%s, %s, %s, %s)"


async def write(database: Database, item_id: str, signals: ItemSignals) -> ItemSignals:
    """Stores a film with these signals; what is to be read."""
    await PostgresItemStore(database).upsert([indexed(film(item_id))], Budget(SOON_S))
    await database.execute(WRITE, [item_id, *signal_row(signals)], Budget(SOON_S))
    return ItemSignals(signals.neighbors, signals.weights, signals.smooth, embed_words(f"film {item_id}"))


@pytest.mark.parametrize("neighbors", [0, 1, 600])
async def test_what_was_written_is_read_to_the_last_bit(database: Database, neighbors: int) -> None:
    random = np.random.default_rng(neighbors)
    weights = {f"n{number}": random.normal(size=len(SPARSE)).tolist() for number in range(neighbors)}
    written = await write(database, "a", liked(random, weights))
    read = (await PostgresSignalStore(database).of_history(["a"], Budget(SOON_S)))["a"]
    assert same(read, written)
    assert (read.neighbors.dtype, read.weights.dtype) == (np.dtype("<u8"), np.dtype("<f4"))
    assert read.weights.shape == (neighbors, len(SPARSE))
    assert read.smooth is not None
    assert read.smooth.shape[:2] == (len(SMOOTH), 2)


async def test_a_candidate_comes_without_neighbours_and_otherwise_whole(database: Database) -> None:
    written = await write(database, "a", liked(np.random.default_rng(1), {"b": [1.0, 2.0, 3.0]}))
    read = (await PostgresSignalStore(database).of_candidates(["a"], Budget(SOON_S)))["a"]
    assert len(read.neighbors) == 0
    assert same(read, ItemSignals(smooth=written.smooth, embedding=written.embedding))


async def test_an_item_that_nobody_liked_has_its_text_alone(database: Database) -> None:
    await PostgresItemStore(database).upsert([indexed(film("a"))], Budget(SOON_S))
    for read in (PostgresSignalStore(database).of_history, PostgresSignalStore(database).of_candidates):
        found = (await read(["a"], Budget(SOON_S)))["a"]
        assert same(found, ItemSignals(embedding=embed_words("film a")))


async def test_signals_of_an_item_that_left_the_catalogue_are_not_read(database: Database) -> None:
    await write(database, "a", liked(np.random.default_rng(1)))
    await PostgresItemStore(database).delete(["a"], Budget(SOON_S))
    assert await PostgresSignalStore(database).of_history(["a"], Budget(SOON_S)) == {}


async def test_vectors_of_a_text_are_those_of_the_catalogue_not_of_the_last_rebuild(database: Database) -> None:
    await write(database, "a", liked(np.random.default_rng(1)))
    await PostgresItemStore(database).upsert([indexed(film("a", "another title"))], Budget(SOON_S))
    found = (await PostgresSignalStore(database).of_candidates(["a"], Budget(SOON_S)))["a"]
    assert np.array_equal(found.embedding, embed_words("another title")) if found.embedding is not None else False


def test_a_row_of_an_item_without_vectors_has_none() -> None:
    assert signal_row(cold(np.random.default_rng(1))) == (b"", b"", b"")
