"""Popularity, relations and signals against a reference in numpy."""

import asyncio
import random
from collections.abc import Sequence

import numpy as np
import pytest

from gateway.candidates.item_neighbors import NEIGHBOR_SOURCES, ItemNeighbors, NeighborSource
from gateway.candidates.popular import Popular
from gateway.catalog.bulk_load import load_interactions
from gateway.catalog.rebuild import RebuildSettings, RelationCounts, rebuild_relations
from gateway.catalog.relations import RelationSettings
from gateway.domain.budget import Budget
from gateway.domain.values import CandidateQuery, HistoryEvent
from gateway.ranker.signals import SPARSE
from gateway.store.pool import Database
from tests.fakes.embedders import embed_words
from tests.fakes.signals import same
from tests.gateway.catalog.rebuilt import BUDGET_S, built, stored_signals, stored_weights
from tests.gateway.catalog.reference import IDS, count, drawn

SEEDS = [1, 2, 3]


def scores_of(weights: dict[str, dict[str, float]], history: Sequence[str], source: NeighborSource) -> dict[str, float]:
    """Scores of a source for a history, most recent first."""
    scores: dict[str, float] = {}
    for position, item_id in enumerate(history[: source.history_items]):
        for neighbor, weight in weights.get(item_id, {}).items():
            scores[neighbor] = scores.get(neighbor, 0.0) + source.recency_decay**position * weight
    return {item_id: score for item_id, score in scores.items() if item_id not in history}


def rounded(score: float) -> float:
    """Sums that differ only by the order of their terms are equal."""
    return round(score, 12)


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
        RebuildSettings(relations=RelationSettings(user_items=4)),
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
    popularity = await catalogue.fetch(
        "SELECT item_id, users FROM item_popularity WHERE users > 0", [], Budget(BUDGET_S)
    )
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
