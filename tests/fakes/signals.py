"""Signals of items in memory: what the real readers must do, said in plain Python; and random ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.ranker.signals import SMOOTH, SPARSE, Floats, ItemSignals, key_of

RANK = 3
WIDTH = 384


@dataclass
class MemorySignals:
    """SignalReader over ``signals``, made anew ``made`` times; remembers what it was asked for. ``away`` fails."""

    signals: dict[str, ItemSignals] = field(default_factory=dict)
    made: int = 0
    away: bool = False
    asked_of_history: list[tuple[str, ...]] = field(default_factory=list)
    asked_of_candidates: list[tuple[str, ...]] = field(default_factory=list)
    asked_for_version: int = 0

    async def of_history(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        self.asked_of_history.append(tuple(item_ids))
        return self._get(item_ids, budget)

    async def of_candidates(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        self.asked_of_candidates.append(tuple(item_ids))
        return self._get(item_ids, budget)

    async def version(self, budget: Budget) -> int:
        self.asked_for_version += 1
        self._check(budget)
        return self.made

    def _get(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        self._check(budget)
        return {item_id: self.signals[item_id] for item_id in item_ids if item_id in self.signals}

    def _check(self, budget: Budget) -> None:
        if self.away or budget.spent:
            raise StoreUnavailable("the signals are away")


def unit(vector: Floats) -> Floats:
    """Of length 1."""
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def liked(
    random: np.random.Generator, neighbors: Mapping[str, Sequence[float]] | None = None, *, width: int = WIDTH
) -> ItemSignals:
    """Of an item that somebody liked: ``neighbors`` with their weights in the order of SPARSE, vectors at random."""
    known = sorted((key_of(item_id), weights) for item_id, weights in (neighbors or {}).items())
    return ItemSignals(
        np.array([key for key, _ in known], np.uint64),
        np.array([weights for _, weights in known], np.float32).reshape(-1, len(SPARSE)),
        random.normal(size=(len(SMOOTH), 2, RANK)).astype(np.float32),
        unit(random.normal(size=width).astype(np.float32)),
    )


def cold(random: np.random.Generator, *, width: int = WIDTH) -> ItemSignals:
    """Of an item that nobody liked: its text alone."""
    return ItemSignals(embedding=unit(random.normal(size=width).astype(np.float32)))


def same(first: ItemSignals, second: ItemSignals) -> bool:
    """Whether two records say the same of an item."""
    pairs = [(getattr(first, name), getattr(second, name)) for name in ("neighbors", "weights", "smooth", "embedding")]
    return all(one is other if one is None or other is None else np.array_equal(one, other) for one, other in pairs)
