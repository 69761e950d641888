"""Observers that remember what they were told."""

from collections import Counter

from gateway.domain.comparison import Comparison, Outcome
from gateway.domain.values import RankedList


class SeenLists:
    """An Observer."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.answers: list[RankedList] = []

    def stage_ended(self, stage: str, seconds: float) -> None:
        self.stages.append(stage)

    def list_answered(self, answer: RankedList) -> None:
        self.answers.append(answer)


class SeenCaches:
    """A CacheObserver. ``lookups``: hits and misses by tier. ``faults``: by tier, operation and cause."""

    def __init__(self) -> None:
        self.lookups: Counter[tuple[str, str]] = Counter()
        self.faults: Counter[tuple[str, str, str]] = Counter()

    def cache_read(self, tier: str, hits: int, misses: int) -> None:
        self.lookups[tier, "hit"] += hits
        self.lookups[tier, "miss"] += misses

    def cache_failed(self, tier: str, operation: str, cause: str) -> None:
        self.faults[tier, operation, cause] += 1


class CountedTrial:
    """A TrialObserver."""

    def __init__(self) -> None:
        self.shadow: Counter[Outcome] = Counter()
        self.compared: list[Comparison] = []
        self.lost = 0
        self.canary: Counter[str] = Counter()

    def shadow_ended(self, outcome: Outcome) -> None:
        self.shadow[outcome] += 1

    def shadow_compared(self, comparison: Comparison) -> None:
        self.compared.append(comparison)

    def comparisons_lost(self, number: int) -> None:
        self.lost += number

    def canary_ended(self, outcome: str) -> None:
        self.canary[outcome] += 1
