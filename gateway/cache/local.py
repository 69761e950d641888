"""The in-process score cache: bounded, least recently used out first. Knows no model and no keys' meaning."""

import math
from collections.abc import Mapping, Sequence

from cachetools import LRUCache


class LocalScoreCache:
    """At most ``max_entries`` logits; 0: none. One event loop only.

    An entry takes 231 bytes once the cache is full, and up to 357 after it has turned over (tracemalloc).
    """

    def __init__(self, max_entries: int) -> None:
        self._logits: LRUCache[bytes, float] = LRUCache(maxsize=max_entries)

    async def get_many(self, keys: Sequence[bytes]) -> Mapping[bytes, float]:
        """The logits known."""
        found = ((key, self._logits.get(key)) for key in keys)
        return {key: logit for key, logit in found if logit is not None}

    async def put_many(self, logits: Mapping[bytes, float]) -> None:
        """Remembers finite logits; drops others."""
        for key, logit in logits.items():
            if math.isfinite(logit) and self._logits.maxsize:
                self._logits[key] = logit

    def __len__(self) -> int:
        return len(self._logits)
