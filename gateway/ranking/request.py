"""The state of one request on its way through the pipeline. Knows no ports."""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from gateway.domain.budget import Budget, Call
from gateway.domain.errors import CrossrankError, DeadlineTooShort, ModelOverloaded, ModelUnavailable, Overloaded
from gateway.domain.order import RANKER, OrderedBy, Orderer, RankedBy, Reading, RequestKind
from gateway.domain.values import (
    Candidate,
    Context,
    Degradation,
    EncodedPair,
    HistoryEvent,
    Impression,
    Item,
    ModelIdentity,
    Priority,
    RankedList,
    RankingOptions,
    Reason,
    ScoredItem,
    Usage,
)
from gateway.encoding.pair_encoder import EncodedContext
from gateway.ports import ServedModel
from gateway.ranker.features import FusionInput
from gateway.ranker.fitted import BLEND, FittedRanker
from gateway.ranker.signals import ItemSignals
from gateway.ranking.order import RankedCandidate, at_least, cap_shared
from gateway.ranking.ordering import reader_orders, reads, without_reader
from gateway.ranking.rendering import unread_fields
from gateway.scoring.coalesced import ScoringOutcome
from gateway.telemetry.stages import StageClock

_REQUIRED = {
    Reason.DEADLINE: DeadlineTooShort,
    Reason.MODEL_UNAVAILABLE: ModelUnavailable,
    Reason.MODEL_OVERLOADED: ModelOverloaded,
}


def reason_of(fault: CrossrankError) -> Reason:
    """What a fault of scoring means for the answer."""
    if isinstance(fault, ModelOverloaded | Overloaded):
        return Reason.MODEL_OVERLOADED
    if isinstance(fault, DeadlineTooShort):
        return Reason.DEADLINE
    return Reason.MODEL_UNAVAILABLE


@dataclass(slots=True)
class Request:
    """What is known so far. ``model`` is None while no model version was ever verified, for the reason of
    ``model_fault``; ``ranker`` where none was fitted. ``reading``: what options and settings say of it together.
    ``first_stage`` made the scores of the candidates: BLEND, CALLER, or a source."""

    context: Context
    options: RankingOptions
    call: Call
    clock: StageClock
    model: ServedModel | None
    model_fault: str = ""
    ranker: FittedRanker | None = None
    reading: Reading = Reading.AUTO
    kind: RequestKind = RequestKind.WARM
    first_stage: str = BLEND
    history: Sequence[HistoryEvent] = ()
    degraded: list[Degradation] = field(default_factory=list)
    attribution_token: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    @property
    def budget(self) -> Budget:
        """The time this request has."""
        return self.call.budget

    @property
    def identity(self) -> ModelIdentity:
        """The model version that ranks."""
        return self.model.identity if self.model else ModelIdentity(self.options.model, "", "")

    @property
    def reader_orders(self) -> bool:
        """Whether the cross-encoder orders the list, once it has read it."""
        if self.reading is Reading.ORDERS:
            return True
        return not self.options.first_stage_order and reader_orders(self.kind, self.model, self.ranker)

    @property
    def reads(self) -> bool:
        """Whether the cross-encoder is asked."""
        return reads(self.reading, orders=self.reader_orders)

    @property
    def meant_by(self) -> RankedBy:
        """What orders the list unless something fails."""
        if self.reads and self.reader_orders:
            return RankedBy(OrderedBy.READER, self.identity.version)
        return without_reader(self.kind, self.ranker, self.first_stage).by

    @property
    def orderer(self) -> Orderer:
        """The same, as people name it."""
        meant = self.meant_by
        names = {OrderedBy.READER: self.identity.name, OrderedBy.TREES: RANKER}
        return Orderer(names.get(meant.by, meant.by.value.lower()), meant.version)

    def degrade(self, reason: Reason, detail: str) -> None:
        """Notes why the order is less than full; raises where the caller required more."""
        if self.options.require_rerank and reason in _REQUIRED:
            raise _REQUIRED[reason](f"{detail}; the request set require_rerank")
        self.note(reason, detail)

    def note(self, reason: Reason, detail: str) -> None:
        """Notes what an answer lacks beside its order, once a reason and detail."""
        degradation = Degradation(reason, detail)
        if degradation not in self.degraded:
            self.degraded.append(degradation)


@dataclass(slots=True)
class EncodedList:
    """Both sides of all pairs of a list: the context once, each candidate's item side, keys, and known logits."""

    context: EncodedContext
    item_ids: Mapping[str, tuple[int, ...]]
    keys: Mapping[str, bytes] = field(default_factory=dict)
    cached: Mapping[bytes, float] = field(default_factory=dict)
    pairs: Mapping[bytes, EncodedPair] = field(default_factory=dict)
    outcome: ScoringOutcome = field(default_factory=ScoringOutcome)

    def logits(self) -> dict[str, float]:
        """Logits by item id: cached and computed."""
        known = {**self.cached, **self.outcome.logits}
        return {item_id: known[key] for item_id, key in self.keys.items() if key in known}


@dataclass(frozen=True, slots=True)
class ListDraft:
    """An ordered list before it becomes an answer. ``sides`` is None where nothing was to be scored."""

    placed: Sequence[RankedCandidate]
    candidates: Sequence[Candidate]
    items: Mapping[str, Item]
    sides: EncodedList | None = None
    signals: Mapping[str, ItemSignals] = field(default_factory=dict)
    ranked_by: RankedBy = field(default_factory=RankedBy)


class Listener(Protocol):
    """Hears of every answered list; must neither wait nor raise."""

    def list_ranked(self, request: Request, draft: ListDraft) -> None:
        """The draft holds all candidates in order, whatever part of them was answered."""


def again(earlier: Request, call: Call) -> Request:
    """The same question for other parts: as batch work, all or nothing, read only where that decides the order."""
    options = RankingOptions(
        priority=Priority.BATCH, require_rerank=True, first_stage_order=earlier.options.first_stage_order
    )
    reading = Reading.NEVER if earlier.reading is Reading.NEVER else Reading.AUTO
    request = Request(earlier.context, options, call, StageClock(), model=None, reading=reading, kind=earlier.kind)
    request.history, request.first_stage = earlier.history, earlier.first_stage
    return request


def fusion_input(request: Request, draft: ListDraft) -> FusionInput:
    """What the fused score of the list may read."""
    return FusionInput(
        draft.candidates,
        logits=draft.sides.logits() if draft.sides else {},
        items={item_id: item.fields for item_id, item in draft.items.items()},
        history=request.history,
        popularity={item_id: item.popularity for item_id, item in draft.items.items()},
        signals=draft.signals,
    )


def shown(request: Request, draft: ListDraft, top_n: int) -> ListDraft:
    """What is left of a whole order after the rules of the request."""
    options = request.options
    placed = cap_shared(at_least(draft.placed, options.min_score), draft.items, options.diversity_cap)
    return replace(draft, placed=placed[:top_n])


def ranked_list(request: Request, draft: ListDraft) -> RankedList:
    """The answer of a request."""
    sides, model = draft.sides, request.model
    sized = partial(_tokens_of, model, sides) if model and sides else _no_tokens
    items = draft.items if request.options.return_items else {}
    cached = {item_id for item_id, key in sides.keys.items() if key in sides.cached} if sides else set()
    scored = [item_id for item_id, logit in sides.logits().items() if math.isfinite(logit)] if sides else []
    return RankedList(
        items=tuple(
            ScoredItem(
                one.candidate.item_id,
                rank,
                one.candidate.rank,
                one.logit,
                one.score,
                *sized(one.candidate.item_id),
                sources=tuple([hit.source for hit in one.candidate.hits]),
                cached=one.candidate.item_id in cached,
                score_invalid=one.invalid,
                item=items.get(one.candidate.item_id),
            )
            for rank, one in enumerate(draft.placed, start=1)
        ),
        model=request.identity,
        request_id=request.call.request_id,
        ranked_by=draft.ranked_by,
        degraded=tuple(request.degraded),
        candidate_count=len(draft.candidates),
        scored_count=len(scored),
        cache_hits=len(cached),
        coalesced=sides.outcome.coalesced if sides else 0,
        duplicates=_duplicates(sides, [item_id for item_id in scored if item_id not in cached]) if sides else 0,
        stages=request.clock.times,
        usage=_usage(sides) if sides and model else Usage(),
        unread_fields=unread_fields(model, request.context, draft.candidates) if sides and model else (),
    )


def impression(request: Request, answer: RankedList) -> Impression:
    """What is logged of an answer."""
    return Impression(
        request.attribution_token,
        answer.request_id,
        request.context,
        answer.model,
        answer.items,
        answer.degraded,
        request.kind,
        request.orderer,
    )


def _no_tokens(item_id: str) -> tuple[bool, int]:
    return False, 0


def _tokens_of(model: ServedModel, sides: EncodedList, item_id: str) -> tuple[bool, int]:
    """Whether the item's side was cut, and the tokens of its pair."""
    item_ids = sides.item_ids.get(item_id)
    if item_ids is None:
        return False, 0
    budget = model.bundle.encoder.spec.item.max_tokens
    tokens = len(sides.context.token_ids) + min(len(item_ids), budget) + model.bundle.encoder.special_tokens
    return len(item_ids) > budget, tokens


def _duplicates(sides: EncodedList, computed: Sequence[str]) -> int:
    """Items that got their logit from another item of the same request, since both have the same text."""
    return len(computed) - len({sides.keys[item_id] for item_id in computed})


def _usage(sides: EncodedList) -> Usage:
    outcome = sides.outcome
    return Usage(len(sides.context.token_ids), outcome.scored_tokens, outcome.model_requests, outcome.padded_tokens)
