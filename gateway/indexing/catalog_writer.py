"""Writes items to the catalogue: tokenises and embeds what changed, once. Knows ports and encoding, no transport."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from gateway.budget import Budget
from gateway.candidates.text_ann import embedding_text
from gateway.domain import Item, WriteCounts
from gateway.encoding.pair_encoder import PairEncoder
from gateway.ports import Embedder, ItemStore


class CatalogWriter:
    """The one way into the catalogue: for UpsertItems and for `crossrank index`."""

    def __init__(self, items: ItemStore, embedder: Embedder, encoder: Callable[[], PairEncoder]) -> None:
        self._items = items
        self._embedder = embedder
        self._encoder = encoder

    async def upsert(self, items: Sequence[Item], budget: Budget) -> WriteCounts:
        """Writes all or nothing. Items stored as given, with token ids of the served encoder, are left alone.

        Raises StoreUnavailable, ModelUnavailable, ModelOverloaded, DeadlineTooShort.
        """
        encoder = self._encoder()
        stored = await self._items.get([item.item_id for item in items], budget)
        changed = [item for item in items if not _same(item, stored.get(item.item_id), encoder.item_fingerprint)]
        unchanged = len(items) - len(changed)
        if not changed:
            return WriteCounts(unchanged=unchanged)
        token_ids = encoder.encode_items([item.fields for item in changed])
        ready = [
            replace(item, token_ids=ids, tokens_fingerprint=encoder.item_fingerprint)
            for item, ids in zip(changed, token_ids, strict=True)
        ]
        embeddings = await self._embedder.embed([embedding_text(item.fields) for item in changed], budget)
        counts = await self._items.upsert(ready, np.asarray(embeddings), budget)
        return replace(counts, unchanged=counts.unchanged + unchanged)


def _same(item: Item, stored: Item | None, fingerprint: str) -> bool:
    return (
        stored is not None
        and stored.tokens_fingerprint == fingerprint
        and dict(stored.fields) == dict(item.fields)
        and dict(stored.attributes) == dict(item.attributes)
    )
