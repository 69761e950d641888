"""A trial: the champion's pipeline with a shadow and a canary around it, opened and closed together. Knows no settings
and no store."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from gateway.cache.local import LocalScoreCache
from gateway.domain.order import Orderer
from gateway.pipeline import Parts, Pipeline
from gateway.ports import ComparisonStore, TrialObserver
from gateway.trial.canary import Canary
from gateway.trial.challenger import Challenger
from gateway.trial.comparison_log import ComparisonLog
from gateway.trial.shadow import Shadow, ShadowLimits
from gateway.trial.traffic_split import TrafficSplit


@dataclass(frozen=True, slots=True)
class TrialPlan:
    """``name`` draws the users; shares are 0 to 1 of them."""

    name: str
    shadow_share: float
    canary_share: float
    limits: ShadowLimits


@dataclass(frozen=True, slots=True)
class OnTrial:
    """The parts that a challenger's pipeline is built of; the rest as Challenger has it."""

    parts: Parts
    orderer: Callable[[], Orderer]
    ready: Callable[[], bool]


@asynccontextmanager
async def open_trial(
    plan: TrialPlan,
    champion: Parts,
    on_trial: OnTrial,
    build: Callable[[Parts], Pipeline],
    store: ComparisonStore,
    observer: TrialObserver,
) -> AsyncIterator[Pipeline | Canary]:
    """What answers callers. At the end the shadow finishes what it has begun."""

    def challenger(parts: Parts) -> Challenger:
        return Challenger(build(parts), on_trial.orderer, on_trial.ready)

    comparisons = ComparisonLog(store, observer)
    uncached = replace(on_trial.parts, cache=LocalScoreCache(0))
    watched = TrafficSplit(f"shadow:{plan.name}", plan.shadow_share)
    shadow = Shadow(challenger(uncached), watched, comparisons, plan.limits)
    answering = build(replace(champion, listener=shadow) if plan.shadow_share else champion)
    drawn = TrafficSplit(f"canary:{plan.name}", plan.canary_share)
    canary = Canary(answering, challenger(on_trial.parts), drawn, observer)
    try:
        yield canary if plan.canary_share else answering
    finally:
        await shadow.drain()
        await comparisons.close()
