"""The tables made from interactions, against the same formula in plain Python."""

import asyncio
import math
import random
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import psycopg
import pytest

from gateway.budget import Budget
from gateway.domain import Interaction
from gateway.errors import StoreUnavailable
from gateway.indexing.bulk import load_interactions
from gateway.indexing.neighbors import NeighborCounts, NeighborSettings, rebuild_neighbors
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.catalogues import did, film, indexed

Weights = dict[tuple[str, str], float]
SOON = Budget(60)


def expected_neighbors(interactions: Sequence[Interaction], settings: NeighborSettings) -> Weights:
    """Slow and plain."""
    liked: dict[str, dict[str, int]] = {}
    for place, one in enumerate(sorted(interactions, key=lambda one: one.time)):
        if one.weight > settings.weight_above:
            liked.setdefault(one.user_id, {})[one.item_id] = place
    users = Counter(item_id for items in liked.values() for item_id in items)
    both: Counter[tuple[str, str]] = Counter()
    for items in liked.values():
        latest = sorted(items, key=lambda item_id: -items[item_id])[: settings.user_items]
        both.update(combinations(sorted(latest), 2))
    weights: Weights = {}
    for (first, second), count in both.items():
        weight = count / (math.sqrt(users[first] * users[second]) + settings.shrink)
        weights[first, second] = weights[second, first] = weight
    kept: Weights = {}
    for item_id in users:
        mine = sorted((-weight, pair) for pair, weight in weights.items() if pair[0] == item_id)
        kept.update({pair: -weight for weight, pair in mine[: settings.neighbors]})
    return kept


def some_interactions(seed: int) -> list[Interaction]:
    generator = random.Random(seed)
    return [
        did(f"u{user}", f"m{generator.randrange(20)}", number * 60 + user, weight=generator.choice([0, 1, 1, 4]))
        for user in range(30)
        for number in range(12)
    ]


async def load(database: Database, interactions: Sequence[Interaction]) -> None:
    items = dict.fromkeys(one.item_id for one in interactions)
    await PostgresItemStore(database).upsert([indexed(film(item_id)) for item_id in items], SOON)
    await load_interactions(database, interactions, lambda _: None)


async def neighbors(database: Database) -> Weights:
    rows = await database.fetch("SELECT item_id, neighbor_id, weight FROM item_neighbors", [], SOON)
    return {(first, second): weight for first, second, weight in rows}


async def popularity(database: Database) -> dict[str, int]:
    return dict(await database.fetch("SELECT item_id, users FROM item_popularity", [], SOON))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "settings",
    [
        NeighborSettings(),
        NeighborSettings(shrink=10, neighbors=3),
        NeighborSettings(weight_above=3.5),
        NeighborSettings(user_items=4),
    ],
    ids=["defaults", "few neighbors", "only high weights", "only recent items"],
)
async def test_neighbors_have_the_weights_of_the_formula(
    database: Database, seed: int, settings: NeighborSettings
) -> None:
    interactions = some_interactions(seed)
    await load(database, interactions)
    counts = await rebuild_neighbors(database, SOON, settings)
    expected = expected_neighbors(interactions, settings)
    assert await neighbors(database) == pytest.approx(expected, abs=1e-12)
    assert counts.neighbors == len(expected) > 0


async def test_popularity_counts_the_users_who_liked_an_item_once_each(database: Database) -> None:
    await load(database, [did("u", "a", 1), did("u", "a", 2), did("v", "a"), did("v", "b"), did("w", "b", weight=0)])
    await rebuild_neighbors(database, SOON)
    assert await popularity(database) == {"a": 2, "b": 1}


async def test_rebuilding_twice_gives_the_same_and_follows_what_changed(database: Database) -> None:
    await load(database, [did("u", "a"), did("u", "b")])
    assert await rebuild_neighbors(database, SOON) == NeighborCounts(2, 2)
    assert await rebuild_neighbors(database, SOON) == NeighborCounts(2, 2)
    await load(database, [did("v", "b"), did("v", "c")])
    assert await rebuild_neighbors(database, SOON) == NeighborCounts(3, 4)
    assert set(await neighbors(database)) == {("a", "b"), ("b", "a"), ("b", "c"), ("c", "b")}


async def test_without_interactions_the_tables_are_empty(database: Database) -> None:
    assert await rebuild_neighbors(database, SOON) == NeighborCounts(0, 0)


async def test_readers_see_the_old_rows_until_the_new_ones_are_there(database: Database, postgres: str) -> None:
    await load(database, [did("u", "a"), did("u", "b")])
    await rebuild_neighbors(database, SOON)
    await load(database, [did("v", "b"), did("v", "c")])
    async with await psycopg.AsyncConnection.connect(postgres) as blocker:
        # The rebuild deletes popularity first, then waits here for the neighbours.
        await blocker.execute("SELECT * FROM item_neighbors FOR UPDATE")
        with pytest.raises(StoreUnavailable):
            await rebuild_neighbors(database, Budget(0.5))
        assert len(await neighbors(database)) == 2
        assert await popularity(database) == {"a": 1, "b": 1}
    await rebuild_neighbors(database, SOON)
    assert await popularity(database) == {"a": 1, "b": 2, "c": 1}


async def test_two_rebuilds_at_once_follow_one_another(database: Database) -> None:
    await load(database, some_interactions(7))
    first, second = await asyncio.gather(*[rebuild_neighbors(database, Budget(60)) for _ in range(2)])
    assert first == second
    assert len(await neighbors(database)) == first.neighbors
