"""What lists are like, whoever likes them: coverage, diversity, novelty. Knows no target."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

from training.evaluation.fields import Items, words


@dataclass(frozen=True, slots=True)
class BeyondAccuracy:
    """Of one row's first ``depth`` items. ``coverage``: share of the catalogue that stands in somebody's list.
    ``diversity``: 1 - mean Jaccard similarity of the items' words, over pairs in a list; 0 alike, 1 nothing shared.
    ``novelty``: mean -log2 of an item's share of all interactions, in bits; each item counts as if it had one more."""

    coverage: float
    diversity: float
    novelty: float


class Catalogue:
    """Items and how often each was interacted with, as the measures need them."""

    def __init__(self, items: Items, popularity: Mapping[str, int]) -> None:
        self.size = len(items)
        self._items = items
        self._popularity = popularity
        self._similarities: dict[tuple[str, str], float] = {}

    def describe(self, orders: Sequence[Sequence[str]], depth: int) -> BeyondAccuracy:
        """One row: an order per list. An empty list has no diversity and no novelty; it counts as 0."""
        tops = [order[:depth] for order in orders]
        return BeyondAccuracy(
            coverage=len({item_id for top in tops for item_id in top}) / self.size,
            diversity=sum(map(self.diversity, tops)) / len(tops),
            novelty=sum(map(self.novelty, tops)) / len(tops),
        )

    def diversity(self, top: Sequence[str]) -> float:
        """1 - mean similarity over pairs; 0 for fewer than two items."""
        pairs = [(min(pair), max(pair)) for pair in combinations(top, 2)]
        return 1 - sum(map(self._similarity, pairs)) / len(pairs) if pairs else 0.0

    def novelty(self, top: Sequence[str]) -> float:
        """Mean information of the items, in bits."""
        shares = [(self._popularity.get(item_id, 0) + 1) / self._total for item_id in top]
        return -sum(map(math.log2, shares)) / len(shares) if shares else 0.0

    @cached_property
    def _total(self) -> int:
        return sum(self._popularity.values()) + self.size

    @cached_property
    def _words(self) -> Mapping[str, frozenset[str]]:
        return {item_id: words(fields) for item_id, fields in self._items.items()}

    def _similarity(self, pair: tuple[str, str]) -> float:
        """Jaccard; rows propose the same items again and again, so it is kept."""
        if pair not in self._similarities:
            first, second = (self._words.get(item_id, frozenset()) for item_id in pair)
            union = len(first | second)
            self._similarities[pair] = len(first & second) / union if union else 0.0
        return self._similarities[pair]
