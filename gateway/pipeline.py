"""The path of a request, top to bottom. Sees no adapter: no wire format, no SQL, no model server."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.cache.keys import PairKeys
from gateway.cache.token_ids import TokenIdCache
from gateway.domain.budget import Call
from gateway.domain.errors import DeadlineTooShort, ModelUnavailable, NotFound, StoreUnavailable
from gateway.domain.order import Orderer, Reading, RequestKind
from gateway.domain.values import (
    Candidate,
    CandidateOptions,
    Context,
    Item,
    RankedList,
    RankingOptions,
    Reason,
)
from gateway.ports import (
    CandidateFetcher,
    CandidateSource,
    FeedbackStore,
    HistoryStore,
    ItemReader,
    Observer,
    ScoreCache,
    ServedModel,
    SignalReader,
)
from gateway.ranker.fitted import CALLER
from gateway.ranker.signals import ItemSignals
from gateway.ranking import lookup, rendering
from gateway.ranking.current_ranker import CurrentRanker
from gateway.ranking.explanation import explain
from gateway.ranking.in_thread import in_thread_if_large
from gateway.ranking.ordering import kind_of, of_reader, place, without_reader
from gateway.ranking.request import (
    EncodedList,
    ListDraft,
    Listener,
    Request,
    again,
    fusion_input,
    impression,
    ranked_list,
    reason_of,
    shown,
)
from gateway.scoring.coalesced import CoalescedScorer, ScoringWork
from gateway.telemetry.stages import StageClock

LOG_RESERVE_S = 0.03
"""Kept back from scoring and explaining, so that the impression can still be logged and the answer built."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pipeline is built from. ``by_text``: the source that compares texts with a query."""

    candidates: CandidateFetcher
    by_text: CandidateSource
    items: ItemReader
    histories: HistoryStore
    feedback: FeedbackStore
    cache: ScoreCache
    token_ids: TokenIdCache
    scorer: CoalescedScorer
    signals: SignalReader
    ranker: CurrentRanker
    observer: Observer
    listener: Listener | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a request leaves open."""

    model: str
    candidates: int
    top_n: int
    candidates_share: float
    reading: Reading = Reading.AUTO


class Pipeline:
    """Ranks. Raises CrossrankError only; what makes an answer less than full stands in its ``degraded``."""

    def __init__(self, parts: Parts, defaults: Defaults) -> None:
        self._parts = parts
        self._defaults = defaults

    @property
    def candidate_sources(self) -> tuple[str, ...]:
        """Names that CandidateOptions.sources may use."""
        return self._parts.candidates.names

    async def recommend(
        self, context: Context, wanted: CandidateOptions, options: RankingOptions, call: Call
    ) -> RankedList:
        """Fetches candidates and ranks them."""
        request = self._begin(context, options, call)
        await self._read_history(request)
        candidates = await self._fetch_candidates(request, wanted)
        items = await self._read_items(request, candidates)
        draft = await self._begin_list(request, candidates, items)
        return await self._rank_items(request, draft, options.top_n or self._defaults.top_n)

    async def recommend_stream(
        self, context: Context, wanted: CandidateOptions, options: RankingOptions, call: Call
    ) -> AsyncIterator[RankedList]:
        """As recommend, in two lists: first-stage order as soon as it is known, then the re-ranked order."""
        request = self._begin(context, options, call)
        await self._read_history(request)
        candidates = await self._fetch_candidates(request, wanted)
        top_n = options.top_n or self._defaults.top_n
        items = await self._read_items(request, candidates)
        draft = await self._begin_list(request, candidates, items)
        yield ranked_list(request, shown(request, await self._rank(request, draft), top_n))
        yield await self._rank_items(request, draft, top_n)

    async def rerank(
        self, context: Context, candidates: Sequence[Candidate], options: RankingOptions, call: Call
    ) -> RankedList:
        """Ranks candidates that the caller gave, in first-stage order."""
        request = self._begin(context, options, call)
        request.first_stage = CALLER
        items, _ = await asyncio.gather(self._read_items(request, candidates), self._read_history(request))
        if lookup.can_be_compared(request, candidates):
            with request.clock.stage("candidates"):
                budget = request.budget.slice(self._defaults.candidates_share)
                candidates = await lookup.compare(request, candidates, self._parts.by_text, budget)
        draft = await self._begin_list(request, candidates, items)
        return await self._rank_items(request, draft, options.top_n or len(candidates))

    def would_order(self, earlier: Request) -> Orderer:
        """What this pipeline would have order the list of another one's request."""
        return self._with_parts(again(earlier, earlier.call)).orderer

    async def rank_again(self, earlier: Request, draft: ListDraft, call: Call) -> tuple[Request, ListDraft]:
        """The whole list of another pipeline's request in this one's order: as batch work, neither logged nor counted.

        Raises CrossrankError where a model that is to order it cannot score all of it.
        """
        request = self._with_parts(again(earlier, call))
        return request, await self._order(request, await self._begin_list(request, draft.candidates, draft.items))

    async def _rank_items(self, request: Request, begun: ListDraft, top_n: int) -> RankedList:
        draft = await self._order(request, begun)
        sides, answer = draft.sides, ranked_list(request, shown(request, draft, top_n))
        if request.options.explain and sides and request.model:
            with request.clock.stage("explain"):
                budget = request.budget.reserve(LOG_RESERVE_S)
                answer = await explain(self._parts.scorer, request, sides, answer, budget)
        answer = await self._log_impression(request, answer)
        self._parts.observer.list_answered(answer)
        if self._parts.listener:
            self._parts.listener.list_ranked(request, draft)
        return answer

    async def _begin_list(
        self, request: Request, candidates: Sequence[Candidate], items: Mapping[str, Item]
    ) -> ListDraft:
        """Step 3: the candidates whose items are known, and how these relate to the history."""
        candidates = [candidate for candidate in candidates if candidate.item_id in items]
        request.kind = kind_of(request.context, request.history, candidates)
        signals: Mapping[str, ItemSignals] = {}
        if request.ranker and request.ranker.trees and request.kind is RequestKind.WARM:
            with request.clock.stage("signals"):
                signals = await lookup.read_signals(request, candidates, self._parts.signals)
        return ListDraft((), candidates, items, signals=signals)

    async def _order(self, request: Request, draft: ListDraft) -> ListDraft:
        """Steps 4 to 8: all candidates in their total order, read by the cross-encoder where that pays."""
        if draft.candidates and request.reads:
            if request.model is None:
                request.degrade(Reason.MODEL_UNAVAILABLE, request.model_fault)
            else:
                sides = await self._render(request, request.model, draft.items)
                await self._look_up(request, request.model, sides)
                await self._encode(request, request.model, sides)
                await self._score(request, request.model, sides)
                draft = replace(draft, sides=sides)
        return await self._rank(request, draft)

    def _begin(self, context: Context, options: RankingOptions, call: Call) -> Request:
        """Refuses what cannot be served, before any work."""
        if options.model not in {"", self._defaults.model}:
            raise NotFound("model", options.model, f"GetInfo lists the served models ({self._defaults.model!r})")
        request = Request(context, options, call, StageClock(self._parts.observer.stage_ended), model=None)
        request.reading = options.reading
        if options.reading is Reading.AUTO:
            request.reading = Reading.ALWAYS if options.explain else self._defaults.reading
        return self._with_parts(request)

    def _with_parts(self, request: Request) -> Request:
        """With the model version and the ranker that serve now: one of each for the whole request."""
        try:
            request.model = self._parts.scorer.current()
        except ModelUnavailable as fault:
            request.model_fault = fault.message
        request.ranker = self._parts.ranker.current()
        if request.ranker and request.options.first_stage_order:
            request.ranker = request.ranker.without_trees("the request wants it")
        return request

    async def _read_history(self, request: Request) -> None:
        """Step 1: the context's recent items with their texts."""
        with request.clock.stage("history"):
            await lookup.read_history(request, self._parts.histories, self._parts.items)

    async def _fetch_candidates(self, request: Request, wanted: CandidateOptions) -> Sequence[Candidate]:
        """Step 2: several sources side by side, each with its slice of the budget, fused."""
        with request.clock.stage("candidates"):
            query = lookup.candidate_query(request, wanted, wanted.limit or self._defaults.candidates)
            budget = request.budget.slice(self._defaults.candidates_share)
            candidates, degradations = await self._parts.candidates.fetch(query, wanted.sources, budget)
        for degradation in degradations:
            request.degrade(degradation.reason, degradation.detail)
        top_n = request.options.top_n or self._defaults.top_n
        if len(candidates) < min(top_n, query.limit):
            request.degrade(Reason.CANDIDATES_SHORT, f"{len(candidates)} candidates; {top_n} items were asked for")
        return candidates

    async def _read_items(self, request: Request, candidates: Sequence[Candidate]) -> Mapping[str, Item]:
        """The texts of candidates given by id. Raises NotFound for an id the caller gave that nobody knows."""
        with request.clock.stage("items"):
            return await lookup.read_items(request, candidates, self._parts.items)

    async def _render(self, request: Request, model: ServedModel, items: Mapping[str, Item]) -> EncodedList:
        """Step 4: the context once, each item once, from its stored token ids where these are current."""
        with request.clock.stage("render"):
            context = rendering.encode_context(model, request.context, request.history)
            item_ids = await rendering.item_token_ids(model, items, self._parts.token_ids)
            if request.options.reject_long_items:
                rendering.refuse_long_items(model, item_ids)
            return EncodedList(context, item_ids)

    async def _look_up(self, request: Request, model: ServedModel, sides: EncodedList) -> None:
        """Step 5: keys, and the logits that are already known."""
        with request.clock.stage("cache"):
            keys = PairKeys(model.identity, sides.context.token_ids)
            limit = model.bundle.spec.item.max_tokens
            sides.keys = {item_id: keys.of(item_ids[:limit]) for item_id, item_ids in sides.item_ids.items()}
            sides.cached = await self._parts.cache.get_many(list(sides.keys.values()))

    async def _encode(self, request: Request, model: ServedModel, sides: EncodedList) -> None:
        """Step 6: pairs of the misses only, off the event loop where there are many."""
        with request.clock.stage("encode"):
            misses = {key: item_id for item_id, key in sides.keys.items() if key not in sides.cached}
            join, context = model.bundle.encoder.join, sides.context
            sides.pairs = await in_thread_if_large(
                len(misses), lambda: {key: join(context, sides.item_ids[item_id]) for key, item_id in misses.items()}
            )

    async def _score(self, request: Request, model: ServedModel, sides: EncodedList) -> None:
        """Step 7: chunks to the model; what the budget does not allow stays unscored and is reported."""
        with request.clock.stage("score"):
            budget = request.budget.reserve(LOG_RESERVE_S)
            work = ScoringWork(model, sides.pairs, request.options.priority, budget, request.call.caller)
            sides.outcome = await self._parts.scorer.score(work)
            await self._parts.cache.put_many(sides.outcome.logits)
        faults = {reason_of(fault): fault for fault in reversed(sides.outcome.faults)}
        for reason, fault in faults.items():
            missing = len(sides.keys) - len(sides.logits())
            request.degrade(reason, f"{missing} of {len(sides.keys)} items were not scored: {fault.message}")

    async def _rank(self, request: Request, draft: ListDraft) -> ListDraft:
        """Step 8: total order, off the event loop where there are many. Where nothing could be read, what orders lists
        without the reader."""
        with request.clock.stage("rank"):
            given = fusion_input(request, draft)
            if request.model and given.logits and request.reader_orders:
                ordering = of_reader(request.model)
            else:
                ordering = without_reader(
                    request.kind, request.ranker, request.first_stage, signals=bool(draft.signals)
                )
            placed = await in_thread_if_large(len(draft.candidates), lambda: place(ordering, given))
            if invalid := sum(one.invalid for one in placed):
                request.degrade(Reason.SCORE_INVALID, f"{invalid} items have no finite logit")
            return replace(draft, placed=placed, ranked_by=ordering.by)

    async def _log_impression(self, request: Request, answer: RankedList) -> RankedList:
        """Step 9: what was shown, so that feedback can be joined to it."""
        token = request.attribution_token
        try:
            with request.clock.stage("log"):
                await self._parts.feedback.record_impression(impression(request, answer), request.budget.slice(1.0))
        except (StoreUnavailable, DeadlineTooShort) as fault:
            request.degrade(Reason.IMPRESSION_NOT_LOGGED, fault.message)
            token = ""
        return replace(answer, attribution_token=token, degraded=tuple(request.degraded), stages=request.clock.times)
