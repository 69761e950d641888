"""A ranker fitted on what a real PostgreSQL holds is kept there, and is what the same tables give without one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import numpy as np
import pytest

from clients.command_line.catalog.ranker_fit import fit_ranker
from gateway.catalog.bulk_load import load_interactions
from gateway.catalog.rebuild import rebuild_relations
from gateway.domain.budget import Budget
from gateway.domain.progress import Advance
from gateway.domain.values import Interaction, Item
from gateway.ranker.default_trees import default_trees
from gateway.ranking.current_ranker import CurrentRanker
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from gateway.store.rankers import PostgresRankerStore
from gateway.store.signals import PostgresSignalStore
from tests.fakes.catalogues import START, digest_number, film, indexed
from tests.fakes.embedders import embed_words
from training.data.tables import InteractionRow, ItemRow, Tables
from training.trees.own import OwnRanker

ITEMS = [film(f"i{number:02d}", f"film {number % 7} of {number}") for number in range(60)]
SOON_S = 60.0


@contextmanager
def quiet(title: str, total: int | None) -> Iterator[Advance]:
    """Nobody looks."""
    yield lambda done: None


def interactions(users: int) -> list[Interaction]:
    """Eight films of each user, one after the other."""
    return [
        Interaction(f"u{user}", item.item_id, "view", 1.0, START + timedelta(days=user, minutes=step))
        for user in range(users)
        for step, item in enumerate(sorted(ITEMS, key=lambda one: digest_number(f"{user} {one.item_id}", 10**6))[:8])
    ]


async def filled(database: Database, items: Sequence[Item], happened: Sequence[Interaction]) -> None:
    await PostgresItemStore(database).upsert([indexed(item) for item in items], Budget(SOON_S))
    await load_interactions(database, happened, lambda _: None)
    await rebuild_relations(database, Budget(SOON_S))


async def test_what_is_fitted_is_kept_and_orders_the_next_list(database: Database) -> None:
    await filled(database, ITEMS, interactions(30))
    fitted = await fit_ranker(database, quiet)
    store = PostgresRankerStore(database)
    assert await store.newest(Budget(SOON_S)) == fitted.version
    current = CurrentRanker(store, PostgresSignalStore(database))
    await current.look_up()
    assert current.current() == fitted
    assert fitted.verdict.users == 30


async def test_it_is_fitted_on_items_interactions_and_vectors_as_they_are_stored(database: Database) -> None:
    happened = interactions(30)
    await filled(database, ITEMS, happened)
    fitted = await fit_ranker(database, quiet)
    rows = [InteractionRow(one.user_id, one.item_id, one.event, one.weight, one.time) for one in happened if one.time]
    vectors = np.array([embed_words(item.fields["title"]) for item in ITEMS], np.float32)
    tables = Tables([ItemRow(item.item_id, item.fields) for item in ITEMS], rows)
    assert OwnRanker(tables, vectors, quiet, default_trees()).fit() == fitted


async def test_interactions_of_items_that_left_the_catalogue_do_not_count(database: Database) -> None:
    await filled(database, ITEMS, interactions(30))
    await PostgresItemStore(database).delete([item.item_id for item in ITEMS[:30]], Budget(SOON_S))
    assert (await fit_ranker(database, quiet)).verdict.users < 30


@pytest.mark.parametrize("users", [0, 3])
async def test_of_nobody_or_a_few_nothing_is_measured_and_that_is_kept_too(database: Database, users: int) -> None:
    await filled(database, ITEMS if users else [], interactions(users))
    fitted = await fit_ranker(database, quiet)
    assert fitted.verdict.serves == "first_stage"
    assert "nothing could be measured" in fitted.verdict.reason
    assert await PostgresRankerStore(database).get(fitted.version, Budget(SOON_S)) == fitted


async def test_fitted_twice_on_the_same_tables_it_is_the_same_and_again_the_newest(database: Database) -> None:
    await filled(database, ITEMS, interactions(12))
    first = await fit_ranker(database, quiet)
    assert (await fit_ranker(database, quiet)).version == first.version
    assert await database.fetch("SELECT count(*) FROM rankers", [], Budget(SOON_S)) == [(1,)]
