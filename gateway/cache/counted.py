"""Counts what a score cache knew and what it did not. Knows no kind of cache."""

from collections.abc import Mapping, Sequence

from gateway.ports import CacheObserver, ScoreCache


class CountedScoreCache:
    """ScoreCache around another one, which is one ``tier`` of the metrics."""

    def __init__(self, tier: str, cache: ScoreCache, observer: CacheObserver) -> None:
        self._tier = tier
        self._cache = cache
        self._observer = observer

    async def get_many(self, keys: Sequence[bytes]) -> Mapping[bytes, float]:
        """The logits known."""
        found = await self._cache.get_many(keys)
        hits = sum(key in found for key in keys)
        self._observer.cache_read(self._tier, hits, len(keys) - hits)
        return found

    async def put_many(self, logits: Mapping[bytes, float]) -> None:
        """Remembers finite logits."""
        await self._cache.put_many(logits)
