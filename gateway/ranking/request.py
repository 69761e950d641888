"""The state of one request on its way through the pipeline. Knows no ports."""

import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from gateway.domain.budget import Budget, Call
from gateway.domain.errors import CrossrankError, DeadlineTooShort, ModelOverloaded, ModelUnavailable, Overloaded
from gateway.domain.order import RankedBy, RequestKind
from gateway.domain.values import (
    Candidate,
    Context,
    Degradation,
    EncodedPair,
    HistoryEvent,
    Item,
    ModelIdentity,
    RankedList,
    RankingOptions,
    Reason,
    ScoredItem,
    Usage,
)
from gateway.encoding.pair_encoder import EncodedContext
from gateway.ports import ServedModel
from gateway.ranker.features import FusionInput
from gateway.ranker.fitted import FittedRanker
from gateway.ranker.signals import ItemSignals
from gateway.ranking.order import RankedCandidate, at_least, cap_shared
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
    ``model_fault``; ``ranker`` where none was fitted, or the caller wants first-stage order."""

    context: Context
    options: RankingOptions
    call: Call
    clock: StageClock
    model: ServedModel | None
    model_fault: str = ""
    ranker: FittedRanker | None = None
    kind: RequestKind = RequestKind.WARM
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
