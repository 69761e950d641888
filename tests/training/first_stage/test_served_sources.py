"""Sources on tables in memory propose what the gateway's sources propose from a real PostgreSQL: the same items in the
same order, source by source and blended."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from gateway.candidates.blend import Blend
from gateway.candidates.item_neighbors import NEIGHBOR_SOURCES, ItemNeighbors
from gateway.candidates.popular import Popular
from gateway.candidates.served import served_blend
from gateway.candidates.text_ann import OF_COLD_ITEMS, TEXT_ANN, TextAnn
from gateway.catalog.bulk_load import load_interactions
from gateway.catalog.rebuild import rebuild_relations
from gateway.catalog.relations import relate_items
from gateway.domain.budget import Budget
from gateway.domain.history import History
from gateway.domain.values import Candidate, CandidateQuery, HistoryEvent, Interaction
from gateway.ports import CandidateSource
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from gateway.store.schema import EMBEDDING_DIMENSION
from tests.fakes.catalogues import did, film, indexed
from tests.fakes.embedders import HashingEmbedder
from training.data.tables import ItemRow, Tables
from training.first_stage.fold_first_stage import FoldFirstStage
from training.first_stage.served_sources import served_sources
from training.first_stage.training_interactions import Scores
from training.lists.candidate_list import CandidateList
from training.options.protocol import Protocol
from training.options.sources import SourceOptions
from training.protocol.dataset import Dataset, UserCase

IDS = [f"i{number:03}" for number in range(120)]
NAMES = ("text_ann", "item_neighbors", "item_knn", "follows", "popular", "cold_items")
SOON_S = 60.0


@dataclass(frozen=True)
class World:
    """What happened: items that each user liked, oldest first, and others that were only seen. Item i was liked by
    other numbers of users than any other, for equals have a rank each in PostgreSQL and share one in memory."""

    liked: dict[str, list[str]]
    seen: dict[str, list[str]]
    vectors: Scores

    @property
    def interactions(self) -> list[Interaction]:
        """Each at a moment of its own."""
        liked = [did(user, item, 2 * step) for user, items in self.liked.items() for step, item in enumerate(items)]
        return liked + [did(user, item, 1, weight=0.0) for user, items in self.seen.items() for item in items]


def world(seed: int) -> World:
    """Of 120 items the first 100 were liked, each by one user more than the one before."""
    draw = random.Random(seed)
    users = [f"u{number}" for number in range(130)]
    liked: dict[str, list[str]] = {user: [] for user in users}
    for count, item_id in enumerate(IDS[:100], start=1):
        for user in draw.sample(users, count):
            liked[user].append(item_id)
    for items in liked.values():
        draw.shuffle(items)
    seen = {user: draw.sample([one for one in IDS if one not in items], 3) for user, items in liked.items()}
    vectors = np.random.default_rng(seed).normal(size=(len(IDS), EMBEDDING_DIMENSION))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return World(liked, seen, vectors.astype(np.float32))


@pytest.fixture(params=[1, 2])
def happened(request: pytest.FixtureRequest) -> World:
    return world(request.param)


@pytest.fixture
async def stored(database: Database, happened: World) -> Database:
    items = [
        replace(indexed(film(item_id)), embedding=vector) for item_id, vector in zip(IDS, happened.vectors, strict=True)
    ]
    await PostgresItemStore(database).upsert(items, Budget(SOON_S))
    await load_interactions(database, happened.interactions, lambda _: None)
    await rebuild_relations(database, Budget(SOON_S))
    return database


def blend_of(database: Database) -> Blend:
    """As gateway/app.py blends."""
    neighbors: list[CandidateSource] = [ItemNeighbors(database, source) for source in NEIGHBOR_SOURCES]
    by_text, cold = (TextAnn(database, HashingEmbedder(), "hashing", one) for one in (TEXT_ANN, OF_COLD_ITEMS))
    return Blend((by_text, *neighbors, Popular(database), cold), served_blend())


def in_memory(happened: World, users: Sequence[str], depth: int) -> list[CandidateList]:
    """Of the same interactions, without a database."""
    places = {item_id: place for place, item_id in enumerate(IDS)}
    histories = {user: History(oldest_first=tuple(items)) for user, items in happened.liked.items()}
    known = [history.map(places.__getitem__) for _, history in sorted(histories.items())]
    dataset = Dataset(Tables([ItemRow(item_id, {}) for item_id in IDS], []), Protocol())
    cases = [UserCase(user, histories[user], frozenset(happened.seen[user]), ()) for user in users]
    sources = served_sources(relate_items(known, len(IDS)), happened.vectors)
    options = SourceOptions(fused=tuple(one.name for one in sources), fused_depth=depth, depth=depth)
    return FoldFirstStage(dataset, sources, options, served_blend()).lists(cases)


async def from_postgres(
    database: Database, happened: World, user: str, depth: int, *sources: str
) -> Sequence[Candidate]:
    history = tuple(HistoryEvent(item_id) for item_id in reversed(happened.liked[user]))[:50]
    query = CandidateQuery(limit=depth, history=history, seen_by=user)
    found, degraded = await blend_of(database).fetch(query, sources, Budget(SOON_S))
    assert not degraded
    return found


@pytest.mark.parametrize("depth", [20, 100])
async def test_every_source_and_their_blend_propose_what_the_gateway_proposes(
    stored: Database, happened: World, depth: int
) -> None:
    users = [user for user in happened.liked if happened.liked[user]][:12]
    assert max(len(happened.liked[user]) for user in users) > 30, "longer than sources read"
    for user, made in zip(users, in_memory(happened, users, depth), strict=True):
        for name in NAMES:
            alone = await from_postgres(stored, happened, user, depth, name)
            assert made.by_source[name] == tuple(one.item_id for one in alone), (user, name)
        served = await from_postgres(stored, happened, user, depth)
        assert [one.item_id for one in made.candidates] == [one.item_id for one in served], user
        assert [one.rank for one in made.candidates] == [one.rank for one in served]
        assert [one.score for one in made.candidates] == pytest.approx([one.score for one in served], rel=1e-9)
        check_hits(made.candidates, served, depth)


def check_hits(made: Sequence[Candidate], served: Sequence[Candidate], depth: int) -> None:
    """Ranks are the same, and so are scores, but for those of texts: the gateway's profile is of length 1."""
    factors = []
    for one, other in zip(made, served, strict=True):
        within = {hit.source: hit for hit in one.hits if hit.rank <= depth}
        assert {hit.source: hit.rank for hit in other.hits} == {hit.source: hit.rank for hit in within.values()}
        for hit in other.hits:
            if hit.source in {"text_ann", "cold_items"}:
                factors.append(hit.score / within[hit.source].score)
            else:
                assert within[hit.source].score == pytest.approx(hit.score, rel=1e-3, abs=1e-6)
    assert factors == pytest.approx([factors[0]] * len(factors), rel=1e-2)


def test_sources_bear_the_names_of_those_that_serve(happened: World) -> None:
    sources = served_sources(relate_items([], len(IDS)), happened.vectors)
    assert tuple(one.name for one in sources) == NAMES
