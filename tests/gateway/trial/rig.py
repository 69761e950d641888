"""A champion's and a challenger's pipeline over the same in-memory parts; the challenger can be told to rank otherwise,
to fail and to wait."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gateway.cache.local import LocalScoreCache
from gateway.domain.budget import Budget
from gateway.domain.comparison import Comparison, Loss, Outcome
from gateway.domain.errors import CrossrankError
from gateway.domain.values import EncodedPair, ModelIdentity
from gateway.pipeline import Pipeline
from gateway.ports import ServedModel
from gateway.scoring.coalesced import ChunkLimits, CoalescedScorer
from gateway.trial.comparison_log import ComparisonLog
from gateway.trial.shadow import Shadow, ShadowLimits
from gateway.trial.traffic_split import TrafficSplit
from tests.fakes.scorers import FakeScorer, hash_logit
from tests.fakes.specs import small_bundle
from tests.gateway.rig import Rig


class MemoryComparisons:
    """A ComparisonStore in memory that can be away."""

    def __init__(self) -> None:
        self.comparisons: list[Comparison] = []
        self.losses: Counter[Loss] = Counter()
        self.writes = 0
        self.fault: CrossrankError | None = None

    async def record(self, comparisons: Sequence[Comparison], losses: Mapping[Loss, int], budget: Budget) -> None:
        self.writes += 1
        if self.fault is not None:
            raise self.fault
        self.comparisons += comparisons
        self.losses += Counter(losses)

    def outcomes(self) -> dict[Outcome, int]:
        """Losses by outcome."""
        return {loss.outcome: number for loss, number in self.losses.items()}


class Counted:
    """A TrialObserver that counts."""

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


class TrialRig:
    """``champion`` has a shadow that draws ``share`` of all users and asks ``challenger``."""

    def __init__(
        self,
        folder: Path,
        logit_of: Callable[[EncodedPair], float] = hash_logit,
        limits: ShadowLimits | None = None,
        share: float = 1.0,
    ) -> None:
        self.base = Rig(folder / "champion")
        bundle = small_bundle(folder / "challenger")
        self.model = ServedModel(ModelIdentity("cross_encoder", "2", bundle.fingerprint), bundle)
        self.scorer = FakeScorer(self.model, logit_of)
        scorer = CoalescedScorer(self.scorer, self.base.admission, ChunkLimits(64, 2, 1))
        parts = replace(self.base.parts, scorer=scorer, cache=LocalScoreCache(0))
        self.challenger = Pipeline(parts, self.base.defaults)
        self.store, self.counted = MemoryComparisons(), Counted()
        self.log = ComparisonLog(self.store, self.counted, interval_s=0.001)
        limits = limits or ShadowLimits(running=2, waiting=2, deadline_s=5.0)
        self.shadow = Shadow(
            self.challenger, lambda: self.model.identity, TrafficSplit("trial", share), self.log, limits
        )
        self.champion = Pipeline(replace(self.base.parts, listener=self.shadow), self.base.defaults)

    async def finish(self) -> None:
        """As the gateway does when it stops."""
        await self.shadow.drain()
        await self.log.close()

    async def until_asked(self, requests: int) -> None:
        """Waits until the challenger got that many requests."""
        async with asyncio.timeout(10):
            while len(self.scorer.requests) < requests:
                await asyncio.sleep(0)
