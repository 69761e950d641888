"""Recall of text_ann against exact search, under filters of every selectivity, on clustered vectors."""

from collections.abc import AsyncIterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from gateway.candidates.text_ann import TextAnn, TextAnnSettings
from gateway.domain.budget import Budget
from gateway.domain.values import AttributeValue, CandidateQuery, Filter, FilterKind, Item
from gateway.ports import Embeddings, IndexedItem, ItemDigests
from gateway.store.items import PostgresItemStore
from gateway.store.pool import NO_SETTINGS, Database, Row
from gateway.store.schema import EMBEDDING_DIMENSION, apply_schema

SEED = 20240
ITEMS, CLUSTERS, QUERIES, LIMIT = 10_000, 100, 10, 100
LEAST_RECALL = 0.98

SELECTIVITIES = {"half": 2, "eighth": 8, "hundredth": 100, "thousandth": 1000}
FILTERS = {
    "all": (),
    **{name: (Filter(name, FilterKind.EQUALS, (True,)),) for name in SELECTIVITIES},
    "other clusters": (Filter("cluster", FilterKind.IN_RANGE, minimum=50, maximum=99),),
    "one cluster": (Filter("cluster", FilterKind.EQUALS, (77.0,)),),
}


class Corpus:
    """Items around cluster centres, attributes at random and by cluster, and queries near the first 50 clusters."""

    def __init__(self) -> None:
        random = np.random.default_rng(SEED)
        centres = random.normal(size=(CLUSTERS, EMBEDDING_DIMENSION))
        cluster = random.integers(0, CLUSTERS, ITEMS)
        self.vectors = unit(centres[cluster] + 0.7 * random.normal(size=(ITEMS, EMBEDDING_DIMENSION)))
        near = random.integers(0, CLUSTERS // 2, QUERIES)
        self.queries = unit(centres[near] + 0.7 * random.normal(size=(QUERIES, EMBEDDING_DIMENSION)))
        chosen = {name: random.integers(0, every, ITEMS) == 0 for name, every in SELECTIVITIES.items()}
        self.ids = [f"i{number:05}" for number in range(ITEMS)]
        self.attributes: list[dict[str, AttributeValue]] = [
            {"cluster": float(cluster[row]), **{name: bool(marks[row]) for name, marks in chosen.items()}}
            for row in range(ITEMS)
        ]

    def items(self) -> list[IndexedItem]:
        return [
            IndexedItem(Item(item_id, {"title": item_id}, attributes), ItemDigests(item_id.encode(), b""), vector)
            for item_id, attributes, vector in zip(self.ids, self.attributes, self.vectors, strict=True)
        ]

    def passing(self, filters: Sequence[Filter]) -> npt.NDArray[np.bool_]:
        passes = np.ones(ITEMS, np.bool_)
        for one in filters:
            values = np.array([attributes[one.attribute] for attributes in self.attributes])
            if one.kind is FilterKind.EQUALS:
                passes &= values == one.values[0]
            else:
                passes &= (values >= (one.minimum or 0)) & (values <= (one.maximum or 0))
        return passes

    def nearest(self, query: Embeddings, filters: Sequence[Filter], limit: int) -> set[str]:
        cosines = np.where(self.passing(filters), self.vectors @ query, -np.inf)
        order = np.argsort(-cosines)[: min(limit, int(np.isfinite(cosines).sum()))]
        return {self.ids[row] for row in order}


class QueryNumber:
    """An embedder whose text is the number of a prepared vector."""

    def __init__(self, vectors: Embeddings) -> None:
        self._vectors = vectors

    async def embed(self, texts: Sequence[str], budget: Budget) -> Embeddings:
        return self._vectors[[int(text) for text in texts]]


def unit(vectors: npt.NDArray[np.float64]) -> Embeddings:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return Corpus()


@pytest.fixture(scope="module")
async def stored(postgres: str, corpus: Corpus) -> str:
    """The URL of a database with the corpus; the vector index is built at once, which takes a quarter of the time."""
    database = Database(postgres, connections=2)
    await database.open()
    await apply_schema(database, Budget(30))
    [(definition,)] = await database.fetch("SELECT pg_get_indexdef('items_embedding'::regclass)", [], Budget(30))
    await database.execute("DROP INDEX items_embedding", [], Budget(30))
    items = corpus.items()
    for start in range(0, ITEMS, 1000):
        await PostgresItemStore(database).upsert(items[start : start + 1000], Budget(120))
    await database.execute(definition, [], Budget(120))
    await database.execute("ANALYZE items", [], Budget(60))
    await database.close()
    return postgres


class Explaining(Database):
    """Keeps the plan of every statement that it runs."""

    def __init__(self, url: str) -> None:
        super().__init__(url, connections=2)
        self.plans: list[str] = []

    async def fetch(
        self, query: str, parameters: Sequence[object], budget: Budget, settings: Mapping[str, str] = NO_SETTINGS
    ) -> list[Row]:
        lines = await super().fetch(f"EXPLAIN {query}", parameters, budget, settings)
        self.plans.append("\n".join(line for (line,) in lines))
        return await super().fetch(query, parameters, budget, settings)


class Hurried(Database):
    """Index scans look at few items."""

    def __init__(self, url: str) -> None:
        super().__init__(url, connections=2)
        self.short_scans = 0

    async def fetch(
        self, query: str, parameters: Sequence[object], budget: Budget, settings: Mapping[str, str] = NO_SETTINGS
    ) -> list[Row]:
        hurry = {"hnsw.ef_search": "20", "hnsw.max_scan_tuples": "20"} if settings else {}
        rows = await super().fetch(query, parameters, budget, {**settings, **hurry})
        self.short_scans += bool(settings) and len(rows) < LIMIT
        return rows


@pytest.fixture
async def searched(stored: str) -> AsyncIterator[Explaining]:
    database = Explaining(stored)
    await database.open()
    yield database
    await database.close()


async def recalls(
    database: Database, corpus: Corpus, filters: Sequence[Filter], settings: TextAnnSettings
) -> list[float]:
    source = TextAnn(database, QueryNumber(corpus.queries), "numbers", settings)
    found: list[float] = []
    for number, vector in enumerate(corpus.queries):
        candidates = await source.fetch(CandidateQuery(LIMIT, query=str(number), filters=tuple(filters)), Budget(20))
        expected = corpus.nearest(vector, filters, LIMIT)
        assert len(candidates) == len(expected), f"seed {SEED}, query {number}"
        found.append(len({one.item_id for one in candidates} & expected) / max(1, len(expected)))
    return found


@pytest.mark.parametrize("name", FILTERS)
async def test_few_matching_items_are_searched_exactly(searched: Explaining, corpus: Corpus, name: str) -> None:
    assert min(await recalls(searched, corpus, FILTERS[name], TextAnnSettings())) == 1.0
    assert not any("items_embedding" in plan for plan in searched.plans)


@pytest.mark.parametrize("name", ["eighth", "hundredth", "thousandth", "one cluster"])
async def test_an_index_scan_that_ends_early_never_shortens_the_list(stored: str, corpus: Corpus, name: str) -> None:
    database = Hurried(stored)
    await database.open()
    found = await recalls(database, corpus, FILTERS[name], TextAnnSettings(exact_rows=0))  # compares the lengths
    await database.close()
    assert database.short_scans == QUERIES
    assert min(found) == 1.0  # all were searched again, exactly


@pytest.mark.parametrize("name", FILTERS)
async def test_the_index_finds_what_an_exact_search_finds(searched: Explaining, corpus: Corpus, name: str) -> None:
    found = await recalls(searched, corpus, FILTERS[name], TextAnnSettings(exact_rows=0))
    assert np.mean(found) >= LEAST_RECALL, f"seed {SEED}"
    assert sum("Index Scan using items_embedding" in plan for plan in searched.plans) == QUERIES
