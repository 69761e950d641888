"""The contract of every CandidateSource: what it may return, how much, and in which order."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest

from gateway.candidates.item_neighbors import ItemNeighbors
from gateway.candidates.popular import Popular
from gateway.candidates.text_ann import OF_COLD_ITEMS, TextAnn, TextAnnSettings
from gateway.catalog.bulk_load import load_interactions
from gateway.catalog.rebuild import rebuild_relations
from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.domain.values import Candidate, CandidateQuery, Filter, FilterKind, HistoryEvent, Interaction, Item
from gateway.ports import CandidateSource
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.catalogues import did, digest_number, film, indexed
from tests.fakes.embedders import HashingEmbedder
from tests.fakes.sources import MemoryPopular

GENRES = ("drama", "comedy", "space")
ITEMS = [
    film(
        f"m{number:02}",
        f"{GENRES[number % 3]} film number {number}",
        genres=(GENRES[number % 3],),
        year=1990.0 + number,
    )
    for number in range(30)
]
IDS = {item.item_id for item in ITEMS}
SEEN, LIKED = {"m00", "m01", "m02", "m03"}, ("m01", "m02", "m03")
INTERACTIONS = [
    *[
        did(f"u{user}", item.item_id, digest_number(f"{user} {item.item_id}", 1000))
        for user, item in product(range(40), ITEMS)
        if digest_number(f"{user}-{item.item_id}", 3) == 0
    ],
    *[did("reader", item_id, minute) for minute, item_id in enumerate(LIKED)],
    did("reader", "m00", 9, weight=0),
]
MET = [did("reader", item_id, weight=0) for item_id in sorted(SEEN)]
HISTORY = tuple(HistoryEvent(item_id) for item_id in reversed(LIKED))
EVERYTHING = CandidateQuery(limit=100, history=HISTORY)


class Filled:
    """PostgreSQL with the catalogue, filled once for the module."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.items = PostgresItemStore(database)

    def source(self, name: str) -> CandidateSource:
        embedder = HashingEmbedder()
        sources: dict[str, CandidateSource] = {
            "popular": Popular(self.database),
            "item_neighbors": ItemNeighbors(self.database),
            "text_ann exact": TextAnn(self.database, embedder, "hashing"),
            "text_ann index": TextAnn(self.database, embedder, "hashing", TextAnnSettings(exact_rows=0)),
            "cold_items exact": TextAnn(self.database, embedder, "hashing", OF_COLD_ITEMS),
            "cold_items index": TextAnn(self.database, embedder, "hashing", replace(OF_COLD_ITEMS, exact_rows=0)),
        }
        return sources[name]


async def _filled(database: Database, interactions: Sequence[Interaction]) -> Filled:
    filled = Filled(database)
    await filled.items.upsert([indexed(item) for item in ITEMS], Budget(30))
    await load_interactions(database, interactions, lambda _: None)
    await rebuild_relations(database, Budget(30))
    return filled


@pytest.fixture
async def filled(database: Database) -> Filled:
    return await _filled(database, INTERACTIONS)


@pytest.fixture
async def nothing_liked(database: Database) -> Filled:
    """The same, and nobody liked an item."""
    return await _filled(database, MET)


IN_POSTGRES = ("popular", "item_neighbors", "text_ann exact", "text_ann index")
OF_COLD = ("cold_items exact", "cold_items index")


@pytest.fixture(params=["memory", *(pytest.param(name, marks=pytest.mark.whole) for name in (*IN_POSTGRES, *OF_COLD))])
def source(request: pytest.FixtureRequest) -> CandidateSource:
    if request.param == "memory":
        return MemoryPopular(ITEMS, INTERACTIONS)
    filled: Filled = request.getfixturevalue("nothing_liked" if request.param in OF_COLD else "filled")
    return filled.source(request.param)


def ids(candidates: Sequence[Candidate]) -> list[str]:
    return [candidate.item_id for candidate in candidates]


async def test_candidates_are_ranked_from_one_with_one_hit_of_the_source(source: CandidateSource) -> None:
    found = await source.fetch(EVERYTHING, Budget(10))
    assert [candidate.rank for candidate in found] == list(range(1, len(found) + 1))
    for candidate in found:
        [hit] = candidate.hits
        assert (hit.source, hit.rank, hit.score) == (source.name, candidate.rank, candidate.score)
    scores = [candidate.score for candidate in found]
    assert scores == sorted(scores, reverse=True)


async def test_everything_that_is_allowed_comes_once(source: CandidateSource) -> None:
    found = ids(await source.fetch(EVERYTHING, Budget(10)))
    assert len(found) == len(set(found))
    assert set(found) == IDS - set(LIKED)


async def test_a_smaller_limit_gives_the_beginning_of_the_same_list(source: CandidateSource) -> None:
    everything = ids(await source.fetch(EVERYTHING, Budget(10)))
    for limit in (1, 7, 26):
        query = CandidateQuery(limit=limit, history=HISTORY)
        assert ids(await source.fetch(query, Budget(10))) == everything[:limit]


async def test_the_history_comes_back_only_when_wanted(source: CandidateSource) -> None:
    query = CandidateQuery(limit=100, history=HISTORY, include_history=True)
    assert set(LIKED) <= set(ids(await source.fetch(query, Budget(10))))


async def test_an_excluded_item_is_never_proposed(source: CandidateSource) -> None:
    excluded = frozenset({"m10", "m11", "unknown", "'; --"})
    query = CandidateQuery(limit=100, history=HISTORY, exclude=excluded)
    assert set(ids(await source.fetch(query, Budget(10)))) == IDS - set(LIKED) - excluded


async def test_of_items_that_are_named_those_that_are_allowed_come_and_no_others(source: CandidateSource) -> None:
    named = frozenset({"m05", "m10", "m20", LIKED[0], "unknown", "'; --"})
    query = CandidateQuery(limit=100, history=HISTORY, among=named, exclude=frozenset({"m20"}))
    found = await source.fetch(query, Budget(10))
    assert set(ids(found)) == {"m05", "m10"}
    assert [candidate.rank for candidate in found] == [1, 2]
    nothing = CandidateQuery(limit=100, history=HISTORY, among=frozenset())
    assert await source.fetch(nothing, Budget(10)) == []


async def test_a_seen_item_is_never_proposed_even_if_it_was_not_liked(source: CandidateSource) -> None:
    query = CandidateQuery(limit=100, history=HISTORY, seen_by="reader", include_history=True)
    assert set(ids(await source.fetch(query, Budget(10)))) == IDS - SEEN


SPACE = Filter("genres", FilterKind.ANY_OF, ("space",))
TEENS = Filter("year", FilterKind.IN_RANGE, minimum=2000, maximum=2009)


@pytest.mark.parametrize(
    ("filters", "allowed"),
    [
        ((SPACE,), {item.item_id for item in ITEMS if item.attributes["genres"] == ("space",)}),
        ((TEENS,), {f"m{number}" for number in range(10, 20)}),
        ((SPACE, TEENS), {"m11", "m14", "m17"}),
        ((Filter("missing", FilterKind.EQUALS, (True,)),), set()),
        ((Filter("'; --", FilterKind.EQUALS, ("' OR 1=1;--",)),), set()),
    ],
)
async def test_only_items_that_pass_the_filters_are_proposed(
    source: CandidateSource, filters: tuple[Filter, ...], allowed: set[str]
) -> None:
    query = CandidateQuery(limit=100, history=HISTORY, filters=filters)
    assert set(ids(await source.fetch(query, Budget(10)))) == allowed - set(LIKED)


async def test_the_same_question_has_the_same_answer(source: CandidateSource) -> None:
    first = await source.fetch(EVERYTHING, Budget(10))
    for _ in range(3):
        assert await source.fetch(EVERYTHING, Budget(10)) == first


async def test_without_time_there_is_no_answer(source: CandidateSource) -> None:
    with pytest.raises(StoreUnavailable):
        await source.fetch(EVERYTHING, Budget(0))


async def test_a_history_fits_every_source(source: CandidateSource) -> None:
    assert source.fits(EVERYTHING)


@pytest.mark.parametrize("name", IN_POSTGRES)
async def test_a_deleted_item_is_never_proposed(filled: Filled, name: str) -> None:
    await filled.items.delete(["m10", "m20"], Budget(10))
    assert set(ids(await filled.source(name).fetch(EVERYTHING, Budget(10)))) == IDS - set(LIKED) - {"m10", "m20"}


@pytest.mark.parametrize("name", ["popular", "text_ann exact", "text_ann index"])
async def test_items_that_are_equally_good_come_in_order_of_id(filled: Filled, name: str) -> None:
    twins = [Item(f"twin{number}", {"title": "drama twins"}) for number in (3, 1, 2)]
    await filled.items.upsert([indexed(twin) for twin in twins], Budget(10))
    likes = [did(f"fan{fan}", twin.item_id) for fan, twin in product(range(3), twins)]
    await load_interactions(filled.database, likes, lambda _: None)
    await rebuild_relations(filled.database, Budget(30))
    found = ids(await filled.source(name).fetch(EVERYTHING, Budget(10)))
    assert [item_id for item_id in found if item_id.startswith("twin")] == ["twin1", "twin2", "twin3"]


@pytest.mark.parametrize("name", OF_COLD)
async def test_of_items_that_somebody_liked_the_source_of_cold_items_proposes_none(filled: Filled, name: str) -> None:
    source = filled.source(name)
    assert await source.fetch(EVERYTHING, Budget(10)) == []
    new = [film(f"n{number}", f"space film number {number}", genres=("space",)) for number in range(3)]
    await filled.items.upsert([indexed(one) for one in new], Budget(10))
    assert set(ids(await source.fetch(EVERYTHING, Budget(10)))) == {"n0", "n1", "n2"}, "from the moment of the upsert"
    await load_interactions(filled.database, [did("fan", "n1")], lambda _: None)
    await rebuild_relations(filled.database, Budget(30))
    assert set(ids(await source.fetch(EVERYTHING, Budget(10)))) == {"n0", "n2"}
    assert not source.fits(CandidateQuery(limit=10, query="space"))
