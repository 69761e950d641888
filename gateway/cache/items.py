"""Items that were asked for lately, in this process. They are never out of date: every read asks the store whether they
are what is stored, and is sent those only that are not. Knows no store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cachetools import LRUCache

from gateway.domain.budget import Budget
from gateway.domain.values import Item
from gateway.ports import ItemStore

_ENTRY_BYTES = 1_500
"""Of an entry without its texts and token ids."""

_TOKEN_BYTES = 36


@dataclass(frozen=True, slots=True)
class _Known:
    digest: bytes
    item: Item


class CachedItems:
    """ItemReader over a store, of items that take ``max_bytes`` together; 0: none. One event loop only."""

    def __init__(self, items: ItemStore, max_bytes: int) -> None:
        self._items = items
        self._known: LRUCache[str, _Known] = LRUCache(max_bytes, getsizeof=_entry_bytes)

    @property
    def used_bytes(self) -> int:
        """What the entries take."""
        return round(self._known.currsize)

    async def get(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, Item]:
        """As ItemReader says."""
        known = {item_id: self._known.get(item_id) for item_id in item_ids}
        stored = await self._items.unless(
            {item_id: one.digest if one else b"" for item_id, one in known.items()}, budget
        )
        found = {}
        for item_id, now in stored.items():
            before = known[item_id]
            if before and now.item is None and before.item.popularity == now.popularity:
                found[item_id] = before.item
            elif item := now.item or (before and replace(before.item, popularity=now.popularity)):
                found[item_id] = item
                self._keep(item_id, _Known(now.digest, item))
        return found

    def _keep(self, item_id: str, one: _Known) -> None:
        if _entry_bytes(one) <= self._known.maxsize:
            self._known[item_id] = one


def _entry_bytes(one: _Known) -> int:
    texts = [*one.item.fields, *one.item.fields.values(), *map(str, one.item.attributes.values())]
    return _ENTRY_BYTES + sum(4 * len(text) for text in texts) + _TOKEN_BYTES * len(one.item.token_ids or ())
