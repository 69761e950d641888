"""A CacheObserver that remembers."""

from collections import Counter


class SeenCaches:
    """``lookups``: hits and misses by tier. ``faults``: by tier, operation and cause."""

    def __init__(self) -> None:
        self.lookups: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[tuple[str, str, str]] = Counter()

    def cache_read(self, tier: str, hits: int, misses: int) -> None:
        self.lookups[tier, "hit"] += hits
        self.lookups[tier, "miss"] += misses

    def cache_failed(self, tier: str, operation: str, cause: str) -> None:
        self.faults[tier, operation, cause] += 1
