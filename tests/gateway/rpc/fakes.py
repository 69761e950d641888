"""Stand-ins for what the servicers call: they remember what they were asked and answer, wait or fail as told."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway.domain.budget import Budget, Call
from gateway.domain.errors import NotFound
from gateway.domain.order import RequestKind
from gateway.domain.values import (
    Candidate,
    CandidateOptions,
    Context,
    Filter,
    Impression,
    Interaction,
    Item,
    ModelIdentity,
    RankedList,
    RankingOptions,
    ScoredItem,
    WriteCounts,
)
from gateway.ranker.fitted import FittedRanker
from gateway.rpc.info import ModelInfo

MODEL = ModelIdentity("cross_encoder", "1", "fingerprint-1")
Answering = Callable[[], Awaitable[None]]


async def at_once() -> None:
    """Answers without waiting."""


def scored(item_ids: Sequence[str], request_id: str) -> RankedList:
    """A full answer with these items in this order."""
    items = tuple(
        ScoredItem(item_id, rank, len(item_ids) - rank + 1, logit=1.0 / rank, score=0.5 / rank)
        for rank, item_id in enumerate(item_ids, start=1)
    )
    return RankedList(items, MODEL, request_id, candidate_count=len(items), scored_count=len(items))


@dataclass
class FakeRanker:
    """A pipeline that turns the caller's candidates around, or answers ``ranked``; ``before`` runs first."""

    before: Answering = at_once
    ranked: RankedList | None = None
    contexts: list[Context] = field(default_factory=list)
    candidates: list[Sequence[Candidate]] = field(default_factory=list)
    wanted: list[CandidateOptions] = field(default_factory=list)
    options: list[RankingOptions] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    entered: asyncio.Event = field(default_factory=asyncio.Event)

    async def rerank(
        self, context: Context, candidates: Sequence[Candidate], options: RankingOptions, call: Call
    ) -> RankedList:
        self.candidates.append(candidates)
        await self._asked(context, options, call)
        return self.ranked or scored([one.item_id for one in reversed(candidates)], call.request_id)

    async def recommend(
        self, context: Context, wanted: CandidateOptions, options: RankingOptions, call: Call
    ) -> RankedList:
        self.wanted.append(wanted)
        await self._asked(context, options, call)
        return self.ranked or scored(["a", "b"], call.request_id)

    async def recommend_stream(
        self, context: Context, wanted: CandidateOptions, options: RankingOptions, call: Call
    ) -> AsyncIterator[RankedList]:
        self.wanted.append(wanted)
        yield scored(["b", "a"], call.request_id)
        await self._asked(context, options, call)
        yield scored(["a", "b"], call.request_id)

    async def _asked(self, context: Context, options: RankingOptions, call: Call) -> None:
        self.contexts.append(context)
        self.options.append(options)
        self.calls.append(call)
        self.entered.set()
        try:
            await self.before()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


@dataclass
class FakeItems:
    """Stored items in a dictionary."""

    items: dict[str, Item] = field(default_factory=dict)
    filters: list[Sequence[Filter]] = field(default_factory=list)

    async def get(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, Item]:
        return {item_id: self.items[item_id] for item_id in item_ids if item_id in self.items}

    async def delete(self, item_ids: Sequence[str], budget: Budget) -> int:
        return sum(self.items.pop(item_id, None) is not None for item_id in item_ids)

    async def list(self, after: str, limit: int, filters: Sequence[Filter], budget: Budget) -> Sequence[Item]:
        self.filters.append(filters)
        return [self.items[item_id] for item_id in sorted(self.items) if item_id > after][:limit]


@dataclass
class FakeWriter:
    """Stores items without a model; ``before`` runs first."""

    store: FakeItems
    before: Answering = at_once
    budgets: list[Budget] = field(default_factory=list)

    async def upsert(self, items: Sequence[Item], budget: Budget) -> WriteCounts:
        await self.before()
        self.budgets.append(budget)
        known = [item for item in items if item.item_id in self.store.items]
        same = sum(self.store.items[item.item_id] == item for item in known)
        self.store.items |= {item.item_id: item for item in items}
        return WriteCounts(len(items) - len(known), len(known) - same, same)


@dataclass
class FakeFeedback:
    """A feedback store that knows the items of ``catalogue``."""

    catalogue: FakeItems
    interactions: dict[tuple[str, str, str, datetime], Interaction] = field(default_factory=dict)

    async def record_interactions(self, interactions: Sequence[Interaction], budget: Budget) -> tuple[int, int]:
        for one in interactions:
            if one.item_id not in self.catalogue.items:
                raise NotFound("item", one.item_id, "upsert it first")
        before = len(self.interactions)
        self.interactions |= {(one.user_id, one.item_id, one.event, one.time): one for one in interactions}
        return len(self.interactions) - before, sum(bool(one.attribution_token) for one in interactions)

    async def record_impression(self, impression: Impression, budget: Budget) -> None:
        raise AssertionError("the feedback service logs no impressions")


@dataclass(frozen=True)
class FakeInfo:
    """Facts about a server with one model and two sources."""

    version: str = "1.2.3"
    candidate_sources: Sequence[str] = ("item_neighbors", "popular")
    ready: bool = True
    reading: frozenset[RequestKind] | None = None
    fitted: FittedRanker | None = None

    def models(self) -> Sequence[ModelInfo]:
        return (ModelInfo(MODEL, "history-v1", ("title", "genres"), 91, self.ready, self.reading),)

    def ranker(self) -> FittedRanker | None:
        return self.fitted
