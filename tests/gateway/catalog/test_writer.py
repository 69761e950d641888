"""The way into the catalogue: only what changed is embedded, tokenised and written, and all of it or nothing."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from threading import Event

import pytest

from gateway.catalog.writer import CatalogWriter, content_digest
from gateway.domain.budget import Budget
from gateway.domain.errors import ModelUnavailable, StoreUnavailable
from gateway.domain.values import Item, WriteCounts
from gateway.encoding.pair_encoder import PairEncoder
from tests.fakes.catalogues import film, with_attributes
from tests.fakes.embedders import HashingEmbedder, embed_words
from tests.fakes.specs import small_spec
from tests.fakes.stores import Memory, MemoryItemStore
from tests.fakes.tokenizers import bert_like, roberta_like

LONG_S = 10.0


class Rig:
    """A writer over parts that can be looked at and told to fail."""

    def __init__(self) -> None:
        self.memory, self.embedder = Memory(), HashingEmbedder()
        self.encoder: PairEncoder | None = PairEncoder(small_spec(), bert_like())
        self.writer = self.writer_with("bi_encoder")

    def writer_with(self, embedding_model: str) -> CatalogWriter:
        return CatalogWriter(MemoryItemStore(self.memory), self.embedder, self.current_encoder, embedding_model)

    def current_encoder(self) -> PairEncoder:
        if self.encoder is None:
            raise ModelUnavailable("no version is verified yet")
        return self.encoder

    async def upsert(self, *items: Item) -> WriteCounts:
        return await self.writer.upsert(items, Budget(10))

    def stored(self, item_id: str) -> Item:
        return self.memory.items[item_id].item


@pytest.fixture
def rig() -> Rig:
    return Rig()


async def test_a_new_item_is_stored_with_its_vector_and_its_whole_item_side(rig: Rig) -> None:
    item = Item("m1", {"title": "toy story the matrix heat alien jaws brazil fargo space", "year": "1995"})
    assert await rig.upsert(item) == WriteCounts(inserted=1)
    encoder = rig.current_encoder()
    token_ids = encoder.encode_item(item.fields)
    assert len(token_ids) > encoder.spec.item.max_tokens  # stored uncut
    assert rig.stored("m1") == replace(item, token_ids=token_ids, tokens_fingerprint=encoder.item_fingerprint)
    embedding = rig.memory.items["m1"].embedding
    assert embedding is not None
    assert embedding.tolist() == embed_words("toy story the matrix heat alien jaws brazil fargo space, 1995").tolist()


async def test_the_event_loop_goes_on_while_texts_are_read(rig: Rig) -> None:
    class Waiting(dict[str, str]):
        met = False

        def __iter__(self) -> Iterator[str]:
            self.met = self.met or gone_on.wait(LONG_S)
            return super().__iter__()

    gone_on, fields = Event(), Waiting(title="toy")
    writing = asyncio.create_task(rig.upsert(Item("m1", fields)))
    await asyncio.sleep(0)
    gone_on.set()
    assert await writing == WriteCounts(inserted=1)
    assert fields.met


async def test_what_is_stored_as_given_is_neither_embedded_nor_written(rig: Rig) -> None:
    await rig.upsert(film("m1", year=1.0), film("m2"))
    rig.embedder.texts.clear()
    assert await rig.upsert(film("m2"), film("m1", year=1.0)) == WriteCounts(unchanged=2)
    assert rig.embedder.texts == []


async def test_only_changed_texts_are_embedded(rig: Rig) -> None:
    await rig.upsert(film("m1", "heat"), film("m2", "jaws"), film("m3", "alien"))
    rig.embedder.texts.clear()
    counts = await rig.upsert(
        film("m1", "heat"), film("m2", "brazil"), film("m3", "alien", year=1.0), film("m4", "fargo")
    )
    assert counts == WriteCounts(inserted=1, updated=2, unchanged=1)
    assert sorted(rig.embedder.texts) == ["brazil", "fargo"]
    assert rig.stored("m3").attributes == {"year": 1.0}


async def test_an_attribute_that_changes_its_type_is_a_change(rig: Rig) -> None:
    await rig.upsert(film("m1", value=1.0))
    for value in (True, "1", ("1",)):
        assert await rig.upsert(with_attributes(film("m1"), {"value": value})) == WriteCounts(updated=1)


async def test_a_new_encoding_writes_new_token_ids_without_embedding(rig: Rig) -> None:
    await rig.upsert(film("m1", "heat"))
    rig.embedder.texts.clear()
    rig.encoder = PairEncoder(small_spec(), roberta_like())
    assert await rig.upsert(film("m1", "heat")) == WriteCounts(updated=1)
    assert rig.embedder.texts == []
    assert rig.stored("m1").token_ids == rig.encoder.encode_item({"title": "heat"})
    assert rig.stored("m1").tokens_fingerprint == rig.encoder.item_fingerprint


async def test_another_embedding_model_embeds_everything_again(rig: Rig) -> None:
    await rig.upsert(film("m1", "heat"))
    rig.embedder.texts.clear()
    assert await rig.writer_with("bi_encoder_2").upsert([film("m1", "heat")], Budget(10)) == WriteCounts(updated=1)
    assert rig.embedder.texts == ["heat"]


async def test_of_items_with_the_same_id_the_last_one_counts(rig: Rig) -> None:
    await rig.upsert(film("m1", "heat"), film("m1", "jaws"))
    assert rig.stored("m1").fields == {"title": "jaws"}
    assert rig.embedder.texts == ["jaws"]


async def test_an_item_without_text_is_stored(rig: Rig) -> None:
    assert await rig.upsert(Item("m1", {}), Item("m2", {"title": "  "})) == WriteCounts(inserted=2)
    assert rig.stored("m1").token_ids == ()


async def test_nothing_to_write_is_nothing_written(rig: Rig) -> None:
    assert await rig.upsert() == WriteCounts()


async def test_nothing_is_written_while_the_bi_encoder_is_away(rig: Rig) -> None:
    await rig.upsert(film("m1"))
    rig.embedder.fault = ModelUnavailable("gone")
    with pytest.raises(ModelUnavailable):
        await rig.upsert(film("m1", year=1.0), film("m2"))
    assert rig.stored("m1") == replace(film("m1"), token_ids=rig.stored("m1").token_ids,
                                       tokens_fingerprint=rig.stored("m1").tokens_fingerprint)  # fmt: skip
    assert "m2" not in rig.memory.items
    assert await rig.upsert(film("m1", year=1.0)) == WriteCounts(updated=1)  # its text needs no model


async def test_nothing_is_written_before_an_encoding_is_verified_or_while_the_store_is_away(rig: Rig) -> None:
    encoder, rig.encoder = rig.encoder, None
    with pytest.raises(ModelUnavailable):
        await rig.upsert(film("m1"))
    rig.encoder, rig.memory.away = encoder, True
    with pytest.raises(StoreUnavailable):
        await rig.upsert(film("m1"))
    assert rig.memory.items == {}


def test_the_digest_tells_apart_what_differs_and_nothing_else() -> None:
    base = Item("m1", {"a": "1", "b": "2"}, {"x": 1.0, "y": ("p", "q")}, tokens_fingerprint="f")
    different = [
        replace(base, item_id="m2"),
        replace(base, fields={"a": "12", "b": ""}),
        replace(base, fields={"a": "1", "c": "2"}),
        replace(base, attributes={"x": 1.0, "y": ("q", "p")}),
        replace(base, attributes={"x": True, "y": ("p", "q")}),
        replace(base, tokens_fingerprint="g"),
    ]
    assert len({content_digest(item) for item in [base, *different]}) == len(different) + 1
    reordered = replace(base, fields={"b": "2", "a": "1"}, attributes={"y": ("p", "q"), "x": 1.0}, token_ids=(1,))
    assert content_digest(reordered) == content_digest(base)
