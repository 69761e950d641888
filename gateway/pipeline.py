"""The path of a request, top to bottom. Sees no adapter: no wire format, no SQL, no model server."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.cache.keys import PairKeys
from gateway.cache.token_ids import TokenIdCache
from gateway.domain.budget import Call
from gateway.domain.errors import DeadlineTooShort, ModelUnavailable, NotFound, StoreUnavailable
from gateway.domain.values import (
    Candidate,
    CandidateOptions,
    CandidateQuery,
    Context,
    HistoryEvent,
    Impression,
    Item,
    Priority,
    RankedList,
    RankingOptions,
    Reason,
)
from gateway.ports import (
    CandidateFetcher,
    FeedbackStore,
    HistoryStore,
    ItemReader,
    Observer,
    ScoreCache,
    ServedModel,
)
from gateway.ranker.features import HISTORY_EVENTS
from gateway.ranker.fused_score import LOGIT_FUSION
from gateway.ranking import order, rendering
from gateway.ranking.explanation import explain
from gateway.ranking.in_thread import in_thread_if_large
from gateway.ranking.request import (
    EncodedList,
    ListDraft,
    Listener,
    Request,
    fusion_input,
    ranked_list,
    reason_of,
    shown,
)
from gateway.scoring.admission import Admission
from gateway.scoring.coalesced import CoalescedScorer, ScoringWork
from gateway.telemetry.stages import StageClock

LOG_RESERVE_S = 0.03
"""Kept back from scoring, so that the impression can still be logged and the answer built."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the pipeline is built from."""

    candidates: CandidateFetcher
    items: ItemReader
    histories: HistoryStore
    feedback: FeedbackStore
    cache: ScoreCache
    token_ids: TokenIdCache
    scorer: CoalescedScorer
    admission: Admission
    observer: Observer
    listener: Listener | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a request leaves open."""

    model: str
    candidates: int
    top_n: int
    candidates_share: float


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
        return await self._rank_candidates(request, candidates, options.top_n or self._defaults.top_n)

    async def recommend_stream(
        self, context: Context, wanted: CandidateOptions, options: RankingOptions, call: Call
    ) -> AsyncIterator[RankedList]:
        """As recommend, in two lists: first-stage order as soon as it is known, then the re-ranked order."""
        request = self._begin(context, options, call)
        await self._read_history(request)
        candidates = await self._fetch_candidates(request, wanted)
        top_n = options.top_n or self._defaults.top_n
        items = await self._read_items(request, candidates)
        unscored = [order.RankedCandidate(candidate, None, None) for candidate in candidates[:top_n]]
        yield ranked_list(request, ListDraft(unscored, candidates, items, sides=None))
        yield await self._rank_items(request, candidates, items, top_n)

    async def rerank(
        self, context: Context, candidates: Sequence[Candidate], options: RankingOptions, call: Call
    ) -> RankedList:
        """Ranks candidates that the caller gave, in first-stage order."""
        request = self._begin(context, options, call)
        await self._read_history(request)
        return await self._rank_candidates(request, candidates, options.top_n or len(candidates))

    async def rank_again(self, earlier: Request, draft: ListDraft, call: Call) -> tuple[Request, ListDraft]:
        """The whole list of another pipeline's request in this one's order: as batch work, neither logged nor counted.

        Raises CrossrankError where the model cannot score all of it.
        """
        options = RankingOptions(priority=Priority.BATCH, require_rerank=True)
        request = replace(self._begin(earlier.context, options, call), clock=StageClock(), history=earlier.history)
        return request, await self._order(request, draft.candidates, draft.items)

    async def _rank_candidates(self, request: Request, candidates: Sequence[Candidate], top_n: int) -> RankedList:
        items = await self._read_items(request, candidates)
        return await self._rank_items(request, candidates, items, top_n)

    async def _rank_items(
        self, request: Request, candidates: Sequence[Candidate], items: Mapping[str, Item], top_n: int
    ) -> RankedList:
        draft = await self._order(request, candidates, items)
        sides, answer = draft.sides, ranked_list(request, shown(request, draft, top_n))
        if request.options.explain and sides and request.model:
            with request.clock.stage("explain"):
                answer = await explain(self._parts.scorer, request, sides, answer)
        answer = await self._log_impression(request, answer)
        self._parts.observer.list_answered(answer)
        if self._parts.listener:
            self._parts.listener.list_ranked(request, draft)
        return answer

    async def _order(self, request: Request, candidates: Sequence[Candidate], items: Mapping[str, Item]) -> ListDraft:
        """Steps 3 to 8: all candidates whose items are known, in their total order."""
        candidates = [candidate for candidate in candidates if candidate.item_id in items]
        sides = None
        if request.model and candidates:
            sides = await self._render(request, request.model, items)
            await self._look_up(request, request.model, sides)
            await self._encode(request, request.model, sides)
            await self._score(request, request.model, sides)
        return await self._rank(request, ListDraft((), candidates, items, sides))

    def _begin(self, context: Context, options: RankingOptions, call: Call) -> Request:
        """Refuses what cannot be served, before any work."""
        if options.model not in {"", self._defaults.model}:
            raise NotFound("model", options.model, f"GetInfo lists the served models ({self._defaults.model!r})")
        self._parts.admission.check(options.priority)
        request = Request(context, options, call, StageClock(self._parts.observer.stage_ended), model=None)
        try:
            request.model = self._parts.scorer.current()
        except ModelUnavailable as fault:
            request.degrade(Reason.MODEL_UNAVAILABLE, fault.message)
        return request

    async def _read_history(self, request: Request) -> None:
        """Step 1: the context's recent items with their texts."""
        with request.clock.stage("history"):
            context = request.context
            if context.user_id is not None:
                try:
                    request.history = await self._parts.histories.recent(
                        context.user_id, HISTORY_EVENTS, request.budget.slice(0.5)
                    )
                except StoreUnavailable as fault:
                    request.degrade(Reason.HISTORY_UNAVAILABLE, fault.message)
            elif context.seed_item_id is not None:
                request.history = (HistoryEvent(context.seed_item_id),)
            else:
                request.history = context.history or ()
            if any(event.fields is None for event in request.history):
                await self._read_history_texts(request)

    async def _read_history_texts(self, request: Request) -> None:
        missing = [event.item_id for event in request.history if event.fields is None]
        try:
            known = await self._parts.items.get(missing, request.budget.slice(0.5))
        except StoreUnavailable as fault:
            request.degrade(Reason.HISTORY_UNAVAILABLE, fault.message)
            return
        context = request.context
        if context.seed_item_id is not None and context.seed_item_id not in known:
            raise NotFound("item", context.seed_item_id, "upsert it with CatalogService.UpsertItems first")
        if context.history is not None and (unknown := [item_id for item_id in missing if item_id not in known]):
            raise NotFound("item", unknown[0], f"give its fields inline ({len(unknown)} history items are unknown)")
        request.history = [
            event if event.fields is not None else HistoryEvent(event.item_id, known[event.item_id].fields)
            for event in request.history
            if event.fields is not None or event.item_id in known
        ]

    async def _fetch_candidates(self, request: Request, wanted: CandidateOptions) -> Sequence[Candidate]:
        """Step 2: several sources side by side, each with its slice of the budget, fused."""
        with request.clock.stage("candidates"):
            context = request.context
            seed = {context.seed_item_id} if context.seed_item_id is not None else set()
            query = CandidateQuery(
                limit=wanted.limit or self._defaults.candidates,
                history=tuple(request.history),
                query=context.query or context.session_query,
                filters=wanted.filters,
                exclude=wanted.exclude | seed,
                seen_by=None if wanted.include_seen else context.user_id,
                include_history=wanted.include_seen,
            )
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
        items = {candidate.item_id: candidate.item for candidate in candidates if candidate.item is not None}
        missing = [candidate for candidate in candidates if candidate.item is None]
        if missing:
            with request.clock.stage("items"):
                items |= await self._parts.items.get([one.item_id for one in missing], request.budget.slice(0.5))
        unknown = [one.item_id for one in missing if one.item_id not in items and not one.hits]
        if unknown:
            raise NotFound("item", unknown[0], f"give its fields inline, or upsert it ({len(unknown)} are unknown)")
        return items

    async def _render(self, request: Request, model: ServedModel, items: Mapping[str, Item]) -> EncodedList:
        """Step 3: the context once, each item once, from its stored token ids where these are current."""
        with request.clock.stage("render"):
            context = rendering.encode_context(model, request.context, request.history)
            item_ids = await rendering.item_token_ids(model, items, self._parts.token_ids)
            if request.options.reject_long_items:
                rendering.refuse_long_items(model, item_ids)
            return EncodedList(context, item_ids)

    async def _look_up(self, request: Request, model: ServedModel, sides: EncodedList) -> None:
        """Step 4: keys, and the logits that are already known."""
        with request.clock.stage("cache"):
            keys = PairKeys(model.identity, sides.context.token_ids)
            limit = model.bundle.spec.item.max_tokens
            sides.keys = {item_id: keys.of(item_ids[:limit]) for item_id, item_ids in sides.item_ids.items()}
            sides.cached = await self._parts.cache.get_many(list(sides.keys.values()))

    async def _encode(self, request: Request, model: ServedModel, sides: EncodedList) -> None:
        """Step 5: pairs of the misses only, off the event loop where there are many."""
        with request.clock.stage("encode"):
            misses = {key: item_id for item_id, key in sides.keys.items() if key not in sides.cached}
            join, context = model.bundle.encoder.join, sides.context
            sides.pairs = await in_thread_if_large(
                len(misses), lambda: {key: join(context, sides.item_ids[item_id]) for key, item_id in misses.items()}
            )

    async def _score(self, request: Request, model: ServedModel, sides: EncodedList) -> None:
        """Steps 6 and 7: chunks to the model; what the budget does not allow stays unscored and is reported."""
        with request.clock.stage("score"):
            budget = request.budget.reserve(LOG_RESERVE_S)
            work = ScoringWork(model, sides.pairs, request.options.priority, budget)
            sides.outcome = await self._parts.scorer.score(work)
            await self._parts.cache.put_many(sides.outcome.logits)
        faults = {reason_of(fault): fault for fault in reversed(sides.outcome.faults)}
        for reason, fault in faults.items():
            missing = len(sides.keys) - len(sides.logits())
            request.degrade(reason, f"{missing} of {len(sides.keys)} items were not scored: {fault.message}")

    async def _rank(self, request: Request, draft: ListDraft) -> ListDraft:
        """Step 8: fused score, off the event loop where there are many; total order."""
        with request.clock.stage("rank"):
            fusion = request.model.bundle.fusion if request.model else LOGIT_FUSION
            given = fusion_input(request, draft)
            placed = await in_thread_if_large(len(draft.candidates), lambda: order.rank(fusion, given))
            if invalid := sum(one.invalid for one in placed):
                request.degrade(Reason.SCORE_INVALID, f"{invalid} items have no finite logit")
            return replace(draft, placed=placed)

    async def _log_impression(self, request: Request, answer: RankedList) -> RankedList:
        """Step 9: what was shown, so that feedback can be joined to it."""
        token = request.attribution_token
        try:
            with request.clock.stage("log"):
                await self._parts.feedback.record_impression(
                    Impression(token, answer.request_id, request.context, answer.model, answer.items, answer.degraded),
                    request.budget.slice(1.0),
                )
        except (StoreUnavailable, DeadlineTooShort) as fault:
            request.degrade(Reason.IMPRESSION_NOT_LOGGED, fault.message)
            token = ""
        return replace(answer, attribution_token=token, degraded=tuple(request.degraded), stages=request.clock.times)
