"""The scores of sources on relations, and what popular fits, against the formulas in plain Python."""

import math
import random
from collections.abc import Mapping

import pytest

from gateway.candidates.item_neighbors import NEIGHBOR_SOURCES, ItemNeighbors, NeighborSource
from gateway.candidates.popular import Popular
from gateway.domain.budget import Budget
from gateway.domain.values import CandidateQuery, HistoryEvent
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.catalogues import film, indexed

WEIGHTS = {"a": {"x": 0.5, "y": 0.25, "gone": 1.0}, "b": {"x": 0.125, "z": 0.875}, "c": {"y": 0.375}}


@pytest.fixture
async def source(database: Database) -> ItemNeighbors:
    await PostgresItemStore(database).upsert([indexed(film(item_id)) for item_id in "abcxyz"], Budget(30))
    for item_id, weights in WEIGHTS.items():
        await relate(database, item_id, "ease", weights)
    await relate(database, "a", "follows", {"z": 0.5})
    return ItemNeighbors(database)


async def relate(database: Database, item_id: str, relation: str, weights: Mapping[str, float]) -> None:
    statement = "INSERT INTO item_relations VALUES (%s, %s, %s::text[], %s::real[])"
    await database.execute(statement, [item_id, relation, [*weights], [*weights.values()]], Budget(30))


async def scores(source: ItemNeighbors, *history: str) -> list[tuple[str, float]]:
    query = CandidateQuery(10, history=tuple(HistoryEvent(item_id) for item_id in history))
    return [(one.item_id, one.score) for one in await source.fetch(query, Budget(10))]


async def test_older_items_say_less(source: ItemNeighbors) -> None:
    found = dict(await scores(source, "a", "b", "c"))
    assert found == pytest.approx({"x": 0.5 + 0.9 * 0.125, "y": 0.25 + 0.81 * 0.375, "z": 0.9 * 0.875})


async def test_the_best_comes_first_and_no_history_item_comes_back(source: ItemNeighbors) -> None:
    assert [item_id for item_id, _ in await scores(source, "b", "a", "x")] == ["z", "y"]


async def test_a_repeated_item_speaks_once_at_its_most_recent_place(source: ItemNeighbors) -> None:
    assert await scores(source, "a", "a", "b", "a") == await scores(source, "a", "b")


async def test_only_the_most_recent_items_speak(database: Database, source: ItemNeighbors) -> None:
    narrow = ItemNeighbors(database, NeighborSource("narrow", "ease", history_items=1, recency_decay=0.5))
    assert await scores(narrow, "c", "a", "b") == [("y", 0.375)]
    known = ["unknown"] * 3 + [f"u{number}" for number in range(28)]
    [(item_id, score)] = await scores(source, *known, "c")
    assert item_id == "y"
    assert math.isclose(score, 0.9**29 * 0.375)  # 30 distinct items: the last one still speaks
    assert await scores(source, *known, "another", "c") == []


async def test_neighbors_with_the_same_score_come_in_order_of_id(database: Database, source: ItemNeighbors) -> None:
    twins = [f"twin{number:03}" for number in range(300)]
    random.Random(1).shuffle(twins)
    await PostgresItemStore(database).upsert([indexed(film(item_id)) for item_id in twins], Budget(30))
    await relate(database, "x", "ease", dict.fromkeys(twins, 0.25))
    assert [item_id for item_id, _ in await scores(source, "x")] == sorted(twins)[:10]


async def test_a_neighbor_that_left_the_catalogue_is_not_proposed(source: ItemNeighbors) -> None:
    assert "gone" not in dict(await scores(source, "a"))


async def test_a_history_without_neighbors_has_no_candidates(source: ItemNeighbors) -> None:
    assert await scores(source, "x", "nobody") == []


async def test_a_source_knows_its_own_relation_and_bears_its_own_name(
    database: Database, source: ItemNeighbors
) -> None:
    follows = ItemNeighbors(database, NEIGHBOR_SOURCES[2])
    assert await scores(follows, "b", "a") == [("z", 0.8 * 0.5)]
    assert [ItemNeighbors(database, one).name for one in NEIGHBOR_SOURCES] == ["item_neighbors", "item_knn", "follows"]
    assert source.name == "item_neighbors"


async def test_a_relation_that_was_never_made_proposes_nothing(database: Database, source: ItemNeighbors) -> None:
    assert await scores(source, "a", "b") != []
    assert await scores(ItemNeighbors(database, NEIGHBOR_SOURCES[1]), "a", "b") == []


async def test_neighbors_fit_a_history_and_popular_all_but_a_query_alone(
    database: Database, source: ItemNeighbors
) -> None:
    history, popular = (HistoryEvent("a"),), Popular(database)
    fitting = [
        (source.fits(query), popular.fits(query))
        for query in (
            CandidateQuery(1, history=history),
            CandidateQuery(1, history=history, query="text"),
            CandidateQuery(1, query="text"),
            CandidateQuery(1),
        )
    ]
    assert fitting == [(True, True), (True, True), (False, False), (False, True)]
