"""Signals of items that were asked for lately, in this process. Knows no store."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from cachetools import LRUCache

from gateway.domain.budget import Budget
from gateway.ports import SignalReader
from gateway.ranker.signals import ItemSignals

Read = Callable[[Sequence[str], Budget], Awaitable[Mapping[str, ItemSignals]]]


class CachedSignals:
    """SignalReader over another, which is asked for what is not known. A record of a history takes some 10 kB, one of a
    candidate 2 kB: ``items`` of either kind are kept."""

    def __init__(self, signals: SignalReader, items: int) -> None:
        self._signals = signals
        self._items = items
        self._version = 0
        self.forget(0)

    def forget(self, version: int) -> None:
        """Signals were made anew: nothing that was read before counts."""
        self._version = version
        self._history: LRUCache[str, ItemSignals] = LRUCache(self._items)
        self._candidates: LRUCache[str, ItemSignals] = LRUCache(self._items)

    async def of_history(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        """As SignalReader says."""
        return await self._read(self._history, self._signals.of_history, item_ids, budget)

    async def of_candidates(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        """As SignalReader says."""
        return await self._read(self._candidates, self._signals.of_candidates, item_ids, budget)

    async def version(self, budget: Budget) -> int:
        """As SignalReader says; others are forgotten."""
        version = await self._signals.version(budget)
        if version != self._version:
            self.forget(version)
        return version

    async def _read(
        self, known: LRUCache[str, ItemSignals], read: Read, item_ids: Sequence[str], budget: Budget
    ) -> Mapping[str, ItemSignals]:
        found = {item_id: one for item_id in item_ids if (one := known.get(item_id)) is not None}
        missing = [item_id for item_id in item_ids if item_id not in found]
        if missing:
            fresh = await read(missing, budget)
            if known.maxsize:
                known.update(fresh)
            found |= fresh
        return found
