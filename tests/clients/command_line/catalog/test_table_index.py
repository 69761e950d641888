"""Tables into a real PostgreSQL: what is new is embedded once, a run that broke off goes on, all becomes candidates."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from clients.command_line.catalog.retry import PatientEmbedder
from clients.command_line.catalog.table_index import ITEM_BATCHES, IndexParts, index_tables
from gateway.candidates.item_neighbors import ItemNeighbors
from gateway.candidates.popular import Popular
from gateway.candidates.text_ann import TextAnn
from gateway.catalog.analyze import TABLES
from gateway.catalog.bulk_load import InteractionCounts
from gateway.domain.budget import Budget
from gateway.domain.errors import ModelAnswerInvalid, ModelOverloaded
from gateway.domain.progress import Advance
from gateway.domain.values import CandidateQuery, HistoryEvent, Interaction, Item, ModelIdentity, WriteCounts
from gateway.ports import Embeddings, ServedModel
from gateway.store.histories import PostgresHistoryStore
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.catalogues import did, film
from tests.fakes.embedders import HashingEmbedder
from tests.fakes.specs import small_bundle

ITEMS = [film(f"i{number:03d}", f"film {number}") for number in range(150)]
assert len(ITEMS) > 2 * ITEM_BATCHES.items, "too few to see batches"
INTERACTIONS = [did(f"u{user}", f"i{user + place:03d}", place) for user in range(20) for place in range(5)]
BUDGET_S = 30.0


class Faltering:
    """An Embedder that is overloaded in its first try, and fails for good at one text."""

    def __init__(self, fails_at: str = "") -> None:
        self.inner = HashingEmbedder()
        self.fails_at = fails_at
        self.was_busy = False

    async def embed(self, texts: Sequence[str], budget: Budget) -> Embeddings:
        if not self.was_busy:
            self.was_busy = True
            raise ModelOverloaded("the queue is full")
        if self.fails_at in texts:
            raise ModelAnswerInvalid(f"no vector for {self.fails_at!r}")
        return await self.inner.embed(texts, budget)


class Bars:
    """Progress as it was shown: steps done and expected, by title."""

    def __init__(self) -> None:
        self.done: Counter[str] = Counter()
        self.expected: dict[str, int | None] = {}

    @contextmanager
    def __call__(self, title: str, total: int | None) -> Iterator[Advance]:
        self.expected[title] = total
        yield lambda done: self.done.update({title: done})


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def parts(database: Database, embedder: HashingEmbedder, tmp_path: Path) -> IndexParts:
    bundle = small_bundle(tmp_path)
    served = ServedModel(ModelIdentity("cross_encoder", "1", bundle.fingerprint), bundle)
    return IndexParts(database, PatientEmbedder(embedder), lambda: served, "hashing")


def with_embedder(parts: IndexParts, embedder: Faltering) -> IndexParts:
    return IndexParts(parts.database, PatientEmbedder(embedder), parts.served, parts.embedding_model)


async def stored(parts: IndexParts, items: Sequence[Item] = ITEMS) -> list[Item]:
    found = await PostgresItemStore(parts.database).get([item.item_id for item in items], Budget(BUDGET_S))
    return [found[item.item_id] for item in items if item.item_id in found]


async def test_the_planner_knows_what_was_loaded_as_soon_as_the_load_has_ended(parts: IndexParts) -> None:
    sizes = "SELECT relname, reltuples::int FROM pg_class WHERE relname = ANY (%s::text[])"
    assert {size for _, size in await parts.database.fetch(sizes, [[*TABLES]], Budget(BUDGET_S))} == {-1}, "unknown"
    await index_tables(ITEMS, INTERACTIONS, parts, Bars())
    known: dict[str, int] = dict(await parts.database.fetch(sizes, [[*TABLES]], Budget(BUDGET_S)))
    assert (known["items"], known["interactions"]) == (len(ITEMS), len(INTERACTIONS))
    assert set(known) == {*TABLES}
    assert min(known.values()) >= 0


async def test_all_items_are_stored_with_token_ids_and_all_interactions_as_histories(parts: IndexParts) -> None:
    counts = await index_tables(ITEMS, INTERACTIONS, parts, Bars())
    assert counts.items == WriteCounts(inserted=len(ITEMS))
    assert counts.embedded == len(ITEMS)
    assert counts.interactions == InteractionCounts(recorded=len(INTERACTIONS))
    found = await stored(parts)
    assert [item.fields for item in found] == [item.fields for item in ITEMS]
    assert all(item.token_ids and item.tokens_fingerprint == parts.encoder().item_fingerprint for item in found)
    recent = await PostgresHistoryStore(parts.database).recent("u3", 10, Budget(BUDGET_S))
    assert [event.item_id for event in recent] == ["i007", "i006", "i005", "i004", "i003"]


async def test_every_candidate_source_answers_from_what_was_indexed(parts: IndexParts) -> None:
    counts = await index_tables(ITEMS, INTERACTIONS, parts, Bars())
    assert counts.relations.popular == 24
    query = CandidateQuery(limit=10, history=(HistoryEvent("i010"),))
    text_ann = TextAnn(parts.database, parts.embedder, parts.embedding_model)
    for source in (text_ann, ItemNeighbors(parts.database), Popular(parts.database)):
        found = await source.fetch(query, Budget(BUDGET_S))
        assert "i010" not in {one.item_id for one in found}
        assert len(found) == 10, source.name
        if source.name == "item_neighbors":  # whoever likes one item likes the four beside it
            assert {one.item_id for one in found[:8]} == {f"i{place:03d}" for place in range(6, 15) if place != 10}


async def test_a_second_run_embeds_and_writes_nothing(parts: IndexParts, embedder: HashingEmbedder) -> None:
    first = await index_tables(ITEMS, INTERACTIONS, parts, Bars())
    embedder.texts.clear()
    second = await index_tables(ITEMS, INTERACTIONS, parts, Bars())
    assert embedder.texts == []
    assert second.embedded == 0
    assert second.items == WriteCounts(unchanged=len(ITEMS))
    assert second.interactions == InteractionCounts(unchanged=len(INTERACTIONS))
    assert second.relations == first.relations


async def test_only_a_changed_text_is_embedded_again(parts: IndexParts, embedder: HashingEmbedder) -> None:
    await index_tables(ITEMS, [], parts, Bars())
    embedder.texts.clear()
    changed = [film("i000", "another title"), film("i001", "film 1", colour=True), *ITEMS[2:]]
    counts = await index_tables(changed, [], parts, Bars())
    assert embedder.texts == ["another title"]
    assert counts.items == WriteCounts(updated=2, unchanged=len(ITEMS) - 2)
    assert [item.fields["title"] for item in await stored(parts)][:2] == ["another title", "film 1"]


async def test_a_run_that_broke_off_goes_on_where_it_stopped(parts: IndexParts, embedder: HashingEmbedder) -> None:
    fails_at = ITEMS[ITEM_BATCHES.items].fields["title"]
    with pytest.raises(ModelAnswerInvalid):
        await index_tables(ITEMS, INTERACTIONS, with_embedder(parts, Faltering(fails_at)), Bars())
    assert len(await stored(parts)) == ITEM_BATCHES.items, "whole batches only"
    counts = await index_tables(ITEMS, INTERACTIONS, parts, Bars())
    assert counts.items == WriteCounts(inserted=len(ITEMS) - ITEM_BATCHES.items, unchanged=ITEM_BATCHES.items)
    assert embedder.texts == [item.fields["title"] for item in ITEMS[ITEM_BATCHES.items :]]
    assert len(await stored(parts)) == len(ITEMS)


async def test_a_busy_model_is_asked_again(parts: IndexParts) -> None:
    counts = await index_tables(ITEMS, [], with_embedder(parts, Faltering()), Bars())
    assert counts.embedded == len(ITEMS) == len(await stored(parts))


async def test_interactions_of_items_that_the_catalogue_lacks_are_left_out_and_counted(parts: IndexParts) -> None:
    strangers: list[Interaction] = [did("u0", "gone", 7), did("u1", "gone", 8)]
    counts = await index_tables(ITEMS, [*INTERACTIONS, *strangers], parts, Bars())
    assert counts.interactions == InteractionCounts(recorded=len(INTERACTIONS), unknown_items=2)
    recent = await PostgresHistoryStore(parts.database).recent("u0", 10, Budget(BUDGET_S))
    assert "gone" not in {event.item_id for event in recent}


async def test_nothing_at_all_can_be_indexed(parts: IndexParts) -> None:
    counts = await index_tables([], [], parts, Bars())
    assert (counts.items, counts.embedded, counts.relations.neighbors) == (WriteCounts(), 0, 0)


async def test_progress_reaches_the_number_of_rows(parts: IndexParts) -> None:
    bars = Bars()
    await index_tables(ITEMS, INTERACTIONS, parts, bars)
    assert list(bars.expected) == ["embedding items", "adding interactions", "relating items"]
    assert bars.done == {"embedding items": len(ITEMS), "adding interactions": len(INTERACTIONS)}
    assert bars.expected == {**bars.done, "relating items": None}
