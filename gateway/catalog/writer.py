"""The one way into the catalogue: tokenises and embeds what changed, once. Knows ports and encoding, no transport."""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.domain.budget import Budget
from gateway.domain.values import Item, WriteCounts
from gateway.encoding.item_text import item_text, text_digest
from gateway.encoding.pair_encoder import PairEncoder
from gateway.ports import Embedder, Embeddings, IndexedItem, ItemDigests, ItemStore


@dataclass(frozen=True, slots=True)
class _Prepared:
    """An item as it is to be stored, but for token ids and vector."""

    item: Item
    text: str
    digests: ItemDigests


class CatalogWriter:
    """Writes items. ``embedding_model`` names what made the stored vectors: another name embeds everything again."""

    def __init__(
        self,
        items: ItemStore,
        embedder: Embedder,
        encoder: Callable[[], PairEncoder],
        embedding_model: str = "bi_encoder",
    ) -> None:
        self._items = items
        self._embedder = embedder
        self._encoder = encoder
        self._embedding_model = embedding_model

    async def upsert(self, items: Sequence[Item], budget: Budget) -> WriteCounts:
        """Writes all or nothing; of items with the same id the last one counts. What is stored as given, with token
        ids of the served encoder, is left alone; what has the same text is not embedded again.

        Raises StoreUnavailable, ModelUnavailable, ModelOverloaded, DeadlineTooShort.
        """
        encoder = self._encoder()
        prepared = await asyncio.to_thread(self._prepare, items, encoder.item_fingerprint)
        stored = await self._items.digests(list(prepared), budget)
        changed = [one for item_id, one in prepared.items() if stored.get(item_id) != one.digests]
        unchanged = WriteCounts(unchanged=len(items) - len(changed))
        if not changed:
            return unchanged
        vectors = await self._embed(changed, stored, budget)
        fields = [one.item.fields for one in changed]
        token_ids = await asyncio.to_thread(encoder.encode_items, fields)
        indexed = [
            IndexedItem(replace(one.item, token_ids=ids), one.digests, vectors.get(one.item.item_id))
            for one, ids in zip(changed, token_ids, strict=True)
        ]
        counts = await self._items.upsert(indexed, budget)
        return replace(counts, unchanged=counts.unchanged + unchanged.unchanged)

    def _prepare(self, items: Sequence[Item], tokens_fingerprint: str) -> dict[str, _Prepared]:
        prepared = {}
        for given in items:
            item, text = replace(given, tokens_fingerprint=tokens_fingerprint), item_text(given.fields)
            digests = ItemDigests(content_digest(item), text_digest(self._embedding_model, text))
            prepared[item.item_id] = _Prepared(item, text, digests)
        return prepared

    async def _embed(
        self, changed: Sequence[_Prepared], stored: Mapping[str, ItemDigests], budget: Budget
    ) -> dict[str, Embeddings]:
        """Vectors by item id, for those whose text is not stored."""
        fresh = [
            one for one in changed if (known := stored.get(one.item.item_id)) is None or known.text != one.digests.text
        ]
        if not fresh:
            return {}
        vectors = await self._embedder.embed([one.text for one in fresh], budget)
        return {one.item.item_id: vector for one, vector in zip(fresh, vectors, strict=True)}


def content_digest(item: Item) -> bytes:
    """BLAKE2b-128 of everything of an item but its vector; token ids are known by their fingerprint."""
    content = [item.item_id, dict(item.fields), dict(item.attributes), item.tokens_fingerprint]
    return hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16).digest()
