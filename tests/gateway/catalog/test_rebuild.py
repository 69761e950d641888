"""Popularity, relations and signals against a reference in numpy, and what a rebuild does to those who read then."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import psycopg
import pytest

from gateway.candidates.item_neighbors import NEIGHBOR_SOURCES, ItemNeighbors, NeighborSource
from gateway.candidates.popular import Popular
from gateway.catalog.bulk_load import load_interactions
from gateway.catalog.rebuild import RebuildSettings, RelationCounts, rebuild_relations
from gateway.catalog.relations import SMALLEST, ItemRelations, RelationSettings, relate_items
from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.domain.history import History
from gateway.domain.values import CandidateQuery, HistoryEvent, Interaction
from gateway.ranker.signals import SPARSE, ItemSignals
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from gateway.store.signals import PostgresSignalStore
from tests.fakes.catalogues import did, film, indexed
from tests.fakes.embedders import embed_words
from tests.fakes.signals import same

IDS = [f"i{number:02d}" for number in range(40)]
USERS = 30
SEEDS = [1, 2, 3]
BUDGET_S = 60.0


@dataclass(frozen=True)
class Reference:
    """The same numbers, counted another way: a matrix of users by items. ``histories``: newest first, by user."""

    users: dict[str, int]
    weights: dict[str, dict[str, float]]
    histories: dict[str, list[str]]

    def relations(self, settings: RelationSettings) -> tuple[list[str], ItemRelations]:
        """Of the same histories, without a database; and the ids in the order of its axes."""
        item_ids = sorted(self.users)
        places = {item_id: place for place, item_id in enumerate(item_ids)}
        histories = [
            History.from_newest_first([places[item_id] for item_id in self.histories[user_id]])
            for user_id in sorted(self.histories)
        ]
        return item_ids, relate_items(histories, len(item_ids), settings)


def scores_of(weights: dict[str, dict[str, float]], history: Sequence[str], source: NeighborSource) -> dict[str, float]:
    """Scores of a source for a history, most recent first."""
    scores: dict[str, float] = {}
    for position, item_id in enumerate(history[: source.history_items]):
        for neighbor, weight in weights.get(item_id, {}).items():
            scores[neighbor] = scores.get(neighbor, 0.0) + source.recency_decay**position * weight
    return {item_id: score for item_id, score in scores.items() if item_id not in history}


def count(interactions: Sequence[Interaction], settings: RebuildSettings) -> Reference:
    """Popularity and neighbours of interactions in the order in which they are stored."""
    liked: dict[str, dict[str, tuple[float, int]]] = {}
    for place, one in enumerate(interactions):
        if one.weight > settings.weight_above:
            items = liked.setdefault(one.user_id, {})
            items[one.item_id] = max(items.get(one.item_id, (0.0, 0)), (one.time.timestamp(), place))
    all_ui = np.zeros((len(liked), len(IDS)))
    recent_ui = np.zeros_like(all_ui)
    histories = {}
    for row, (user_id, items) in enumerate(liked.items()):
        newest_first = sorted(items, key=lambda item_id: items[item_id], reverse=True)
        histories[user_id] = newest_first[: settings.user_items]
        all_ui[row, [IDS.index(item_id) for item_id in newest_first]] = 1
        recent_ui[row, [IDS.index(item_id) for item_id in histories[user_id]]] = 1
    users_i = all_ui.sum(axis=0)
    related = settings.relations
    recent_i = recent_ui.sum(axis=0)
    most_liked = sorted(np.flatnonzero(recent_i), key=lambda place: (-recent_i[place], place))[: related.ease_items]
    weights_ii = regressed(recent_ui, sorted(most_liked), related.ridge)
    kept = {}
    for place, item_id in enumerate(IDS):
        order = sorted(range(len(IDS)), key=lambda other: (-weights_ii[place, other], IDS[other]))
        best = [other for other in order if weights_ii[place, other] > SMALLEST][: related.neighbors]
        kept[item_id] = {IDS[other]: float(weights_ii[place, other]) for other in best}
    users = {item_id: int(number) for item_id, number in zip(IDS, users_i, strict=True) if number}
    return Reference(users, {item_id: neighbors for item_id, neighbors in kept.items() if neighbors}, histories)


def regressed(liked_ui: npt.NDArray[np.float64], places: Sequence[int], ridge: float) -> npt.NDArray[np.float64]:
    """[items, items]: each item's column by a ridge regression on the other items (Steck, WWW 2019, equation 4), 0 for
    items that are not in ``places``."""
    weights_ii = np.zeros((liked_ui.shape[1], liked_ui.shape[1]))
    for target in places:
        others = [place for place in places if place != target]
        features = liked_ui[:, others]
        gram = features.T @ features + ridge * np.eye(len(others))
        weights_ii[others, target] = np.linalg.solve(gram, features.T @ liked_ui[:, target])
    return weights_ii


def drawn(seed: int) -> list[Interaction]:
    """Random interactions: liked, merely seen, repeated, at the same moments; popular items and rare ones."""
    draw = random.Random(seed)
    interactions: dict[tuple[str, str, datetime], Interaction] = {}
    for _ in range(500):
        item_id = IDS[min(int(draw.expovariate(0.1)), len(IDS) - 2)]
        one = did(f"u{draw.randrange(USERS)}", item_id, draw.randrange(200), draw.choice([0.0, 0.5, 1.0, 1.0]))
        interactions.setdefault((one.user_id, one.item_id, one.time), one)
    return list(interactions.values())


def rounded(score: float) -> float:
    """Sums that differ only by the order of their terms are equal."""
    return round(score, 12)


def shared_by(users: int, ridge: float = RelationSettings().ridge) -> float:
    """The weights of two items that so many users liked together, and nothing else."""
    return users / (users + ridge)


@pytest.fixture
async def catalogue(database: Database) -> Database:
    await PostgresItemStore(database).upsert([indexed(film(item_id)) for item_id in IDS], Budget(BUDGET_S))
    return database


async def built(
    database: Database, interactions: Sequence[Interaction], settings: RebuildSettings = RebuildSettings()
) -> RelationCounts:
    await load_interactions(database, interactions, lambda _: None)
    return await rebuild_relations(database, Budget(BUDGET_S), settings)


async def stored_weights(database: Database, relation: str = "ease") -> dict[str, dict[str, float]]:
    query = "SELECT item_id, neighbor_ids, weights FROM item_relations WHERE relation = %s::text"
    rows = await database.fetch(query, [relation], Budget(BUDGET_S))
    return {item_id: dict(zip(neighbors, weights, strict=True)) for item_id, neighbors, weights in rows}


async def stored_signals(database: Database) -> Mapping[str, ItemSignals]:
    return await PostgresSignalStore(database).of_history(IDS, Budget(BUDGET_S))


async def version(database: Database) -> int:
    return await PostgresSignalStore(database).version(Budget(BUDGET_S))


def assert_same(found: dict[str, dict[str, float]], expected: dict[str, dict[str, float]]) -> None:
    assert {item_id: set(one) for item_id, one in found.items()} == {
        item_id: set(one) for item_id, one in expected.items()
    }
    for item_id, neighbors in expected.items():
        assert found[item_id] == pytest.approx(neighbors, rel=1e-3, abs=1e-7), item_id  # single precision


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "settings",
    [
        RebuildSettings(),
        RebuildSettings(weight_above=0.5),
        RebuildSettings(relations=RelationSettings(ridge=5.0)),
        RebuildSettings(user_items=4),
        RebuildSettings(relations=RelationSettings(ease_items=12)),
    ],
    ids=["default", "higher weight", "less ridge", "few items of a user", "few items in all"],
)
async def test_weights_and_popularity_are_those_of_the_reference(
    catalogue: Database, seed: int, settings: RebuildSettings
) -> None:
    interactions = drawn(seed)
    counts = await built(catalogue, interactions, settings)
    expected = count(interactions, settings)
    assert_same(await stored_weights(catalogue), expected.weights)
    popularity = await catalogue.fetch("SELECT item_id, users FROM item_popularity", [], Budget(BUDGET_S))
    assert dict(popularity) == expected.users
    stored = [await stored_weights(catalogue, relation) for relation in SPARSE]
    neighbors = sum(len(weights) for relation in stored for weights in relation.values())
    assert counts == RelationCounts(len(expected.users), neighbors)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("settings", [RelationSettings(), RelationSettings(neighbors=4, rank=5)])
async def test_what_is_stored_is_what_the_same_histories_give_without_a_database(
    catalogue: Database, seed: int, settings: RelationSettings
) -> None:
    interactions = drawn(seed)
    await built(catalogue, interactions, RebuildSettings(relations=settings))
    item_ids, expected = count(interactions, RebuildSettings(relations=settings)).relations(settings)
    for relation in SPARSE:
        whole = expected.sparse[relation].toarray()
        weights = {
            item_id: {item_ids[other]: float(whole[place, other]) for other in np.flatnonzero(whole[place])}
            for place, item_id in enumerate(item_ids)
            if whole[place].any()
        }
        assert await stored_weights(catalogue, relation) == weights, relation
    embeddings = {item_id: embed_words(f"film {item_id}") for item_id in IDS}
    signals, stored = expected.signals(item_ids, embeddings), await stored_signals(catalogue)
    assert set(stored) == set(IDS), "of items that nobody liked the text is known"
    assert {item_id for item_id, one in stored.items() if one.smooth is not None} == set(item_ids)
    for item_id, one in signals.items():
        assert same(stored[item_id], one), item_id


async def test_every_rebuild_makes_a_new_version_and_one_that_fails_makes_none(
    catalogue: Database, postgres: str
) -> None:
    assert await version(catalogue) == 0
    await built(catalogue, drawn(1))
    assert await version(catalogue) == 1
    await rebuild_relations(catalogue, Budget(BUDGET_S))
    assert await version(catalogue) == 2
    async with Halted(postgres):
        with pytest.raises(StoreUnavailable):
            await rebuild_relations(catalogue, Budget(2.0))
    assert await version(catalogue) == 2


@pytest.mark.parametrize("seed", SEEDS)
async def test_only_the_best_neighbours_are_kept_and_ties_by_id(catalogue: Database, seed: int) -> None:
    interactions, settings = drawn(seed), RebuildSettings(relations=RelationSettings(neighbors=5))
    await built(catalogue, interactions, settings)
    everything = count(interactions, RebuildSettings()).weights
    assert any(len(neighbors) > 5 for neighbors in everything.values()), "otherwise nothing is cut"
    assert_same(await stored_weights(catalogue), count(interactions, settings).weights)


@pytest.mark.parametrize("source", NEIGHBOR_SOURCES, ids=lambda one: one.name)
@pytest.mark.parametrize("seed", SEEDS)
async def test_each_source_scores_and_orders_as_the_reference(
    catalogue: Database, seed: int, source: NeighborSource
) -> None:
    interactions = drawn(seed)
    await built(catalogue, interactions)
    history = random.Random(seed).sample(IDS, 25)
    expected = scores_of(await stored_weights(catalogue, source.relation), history, source)
    assert len(expected) > 5, "otherwise the order says little"
    query = CandidateQuery(limit=100, history=tuple(HistoryEvent(item_id) for item_id in history))
    found = await ItemNeighbors(catalogue, source).fetch(query, Budget(BUDGET_S))
    assert {one.item_id: one.score for one in found} == pytest.approx(expected, rel=1e-12)
    assert [one.item_id for one in found] == sorted(
        expected, key=lambda item_id: (-rounded(expected[item_id]), item_id)
    )


@pytest.mark.parametrize("seed", SEEDS)
async def test_popular_items_come_by_number_of_users_and_then_by_id(catalogue: Database, seed: int) -> None:
    interactions = drawn(seed)
    await built(catalogue, interactions)
    users = count(interactions, RebuildSettings()).users
    found = await Popular(catalogue).fetch(CandidateQuery(limit=100), Budget(BUDGET_S))
    order = sorted(users, key=lambda item_id: (-users[item_id], item_id))
    assert [(one.item_id, one.score) for one in found] == [(item_id, users[item_id]) for item_id in order]


async def test_an_item_that_stands_in_the_history_twice_votes_once_at_its_latest_place(catalogue: Database) -> None:
    await built(catalogue, drawn(1))
    source = ItemNeighbors(catalogue)
    twice = [HistoryEvent(item_id) for item_id in ("i00", "i01", "i00", "i02", "i01")]
    once = [HistoryEvent(item_id) for item_id in ("i00", "i01", "i02")]
    first, second = [
        await source.fetch(CandidateQuery(limit=100, history=tuple(history)), Budget(BUDGET_S))
        for history in (twice, once)
    ]
    assert first == second != []


async def test_interactions_that_are_gone_count_no_more(catalogue: Database) -> None:
    interactions = drawn(1)
    await built(catalogue, interactions)
    await catalogue.execute("DELETE FROM interactions WHERE user_id <> 'u0'", [], Budget(BUDGET_S))
    await rebuild_relations(catalogue, Budget(BUDGET_S))
    rest = [one for one in interactions if one.user_id == "u0"]
    assert_same(await stored_weights(catalogue), count(rest, RebuildSettings()).weights)


async def test_without_interactions_there_is_nothing_and_no_fault(catalogue: Database) -> None:
    assert await built(catalogue, []) == RelationCounts(0, 0)


async def test_two_rebuilds_at_once_give_the_rows_of_one(catalogue: Database) -> None:
    interactions = drawn(1)
    await load_interactions(catalogue, interactions, lambda _: None)
    both = await asyncio.gather(*(rebuild_relations(catalogue, Budget(BUDGET_S)) for _ in range(2)))
    assert both[0] == both[1]
    assert_same(await stored_weights(catalogue), count(interactions, RebuildSettings()).weights)


class Halted:
    """A rebuild that stands still in its middle, since another transaction holds a table that it writes last."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> "Halted":
        self._holder = await psycopg.AsyncConnection.connect(self._url)
        await self._holder.execute("LOCK TABLE item_signals IN SHARE ROW EXCLUSIVE MODE")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._holder.close()

    async def reached(self) -> None:
        """Somebody waits for the table."""
        async with asyncio.timeout(BUDGET_S):
            while not await self._waiting():
                await asyncio.sleep(0.01)

    async def _waiting(self) -> bool:
        query = "SELECT FROM pg_locks WHERE relation = 'item_signals'::regclass AND NOT granted"
        return await (await self._holder.execute(query)).fetchone() is not None


async def popular_ids(database: Database) -> list[str]:
    found = await Popular(database).fetch(CandidateQuery(limit=100), Budget(BUDGET_S))
    return [one.item_id for one in found]


async def test_readers_see_the_old_rows_until_all_new_ones_are_there(catalogue: Database, postgres: str) -> None:
    await built(catalogue, [did("u0", "i00"), did("u0", "i01")])
    await load_interactions(catalogue, [did("u1", "i02"), did("u2", "i02")], lambda _: None)
    async with Halted(postgres) as halted:
        rebuild = asyncio.create_task(rebuild_relations(catalogue, Budget(BUDGET_S)))
        await halted.reached()
        assert await popular_ids(catalogue) == ["i00", "i01"]
    await rebuild
    assert await popular_ids(catalogue) == ["i02", "i00", "i01"]


async def test_a_rebuild_that_does_not_end_in_time_leaves_the_old_rows(catalogue: Database, postgres: str) -> None:
    await built(catalogue, [did("u0", "i00"), did("u0", "i01")])
    await load_interactions(catalogue, [did("u1", "i02")], lambda _: None)
    async with Halted(postgres) as halted:
        rebuild = asyncio.create_task(rebuild_relations(catalogue, Budget(2.0)))
        await halted.reached()
        with pytest.raises(StoreUnavailable):
            await rebuild
    assert await popular_ids(catalogue) == ["i00", "i01"]
    assert {item_id for item_id, one in (await stored_signals(catalogue)).items() if len(one.neighbors)} == {
        "i00",
        "i01",
    }
    assert await stored_weights(catalogue) == {
        "i00": {"i01": pytest.approx(shared_by(1))},
        "i01": {"i00": pytest.approx(shared_by(1))},
    }
