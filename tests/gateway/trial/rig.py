"""A champion's and a challenger's pipeline over the same in-memory parts; the challenger can be told to rank otherwise,
to fail and to wait."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gateway.cache.local import LocalScoreCache
from gateway.domain.order import Orderer
from gateway.domain.values import EncodedPair, ModelIdentity
from gateway.pipeline import Pipeline
from gateway.ports import ServedModel
from gateway.scoring.coalesced import ChunkLimits, CoalescedScorer
from gateway.trial.challenger import Challenger
from gateway.trial.comparison_log import ComparisonLog
from gateway.trial.shadow import Shadow, ShadowLimits
from gateway.trial.traffic_split import TrafficSplit
from tests.fakes.comparisons import MemoryComparisons
from tests.fakes.observers import CountedTrial
from tests.fakes.scorers import FakeScorer, hash_logit
from tests.fakes.specs import small_bundle
from tests.gateway.rig import Rig


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
        self.is_ready = True
        self.store, self.counted = MemoryComparisons(), CountedTrial()
        self.log = ComparisonLog(self.store, self.counted, interval_s=0.001)
        limits = limits or ShadowLimits(running=2, waiting=2, deadline_s=5.0)
        self.shadow = Shadow(self.on_trial(self.challenger), TrafficSplit("trial", share), self.log, limits)
        self.champion = Pipeline(replace(self.base.parts, listener=self.shadow), self.base.defaults)

    def on_trial(self, pipeline: Pipeline) -> Challenger:
        """The second version behind a pipeline; ``is_ready`` is what the verification says of it."""
        return Challenger(pipeline, lambda: Orderer("cross_encoder", "2"), lambda: self.is_ready)

    async def finish(self) -> None:
        """As the gateway does when it stops."""
        await self.shadow.drain()
        await self.log.close()

    async def until_asked(self, requests: int) -> None:
        """Waits until the challenger got that many requests."""
        async with asyncio.timeout(10):
            while len(self.scorer.requests) < requests:
                await asyncio.sleep(0)
