"""What orders a list: the cross-encoder where it was shown to pay, trees over signals, or the best first stage. Knows
no port."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gateway.domain.order import OrderedBy, RankedBy, Reading, RequestKind
from gateway.domain.values import Candidate, Context, HistoryEvent
from gateway.ports import ServedModel
from gateway.ranker.features import FusionInput
from gateway.ranker.fitted import BLEND, FittedRanker, first_stage_fusion
from gateway.ranker.fused_score import Fusion
from gateway.ranking.order import RankedCandidate, rank

_BY_SCORE = first_stage_fusion(BLEND)


@dataclass(frozen=True, slots=True)
class Ordering:
    """``by``: what callers are told. ``fusion``: how it scores."""

    by: RankedBy
    fusion: Fusion


def kind_of(context: Context, history: Sequence[HistoryEvent], candidates: Sequence[Candidate]) -> RequestKind:
    """What is known of a request: all that decides whether reading pays. INLINE: of the items only the texts that the
    caller brings, and no query: what reads a history was not judged on queries."""
    if context.query:
        return RequestKind.QUERY
    if candidates and all(candidate.item is not None for candidate in candidates):
        return RequestKind.INLINE
    if not history:
        return RequestKind.NEW_USER
    return RequestKind.QUERY_AND_HISTORY if context.session_query else RequestKind.WARM


def reader_orders(kind: RequestKind, model: ServedModel | None, ranker: FittedRanker | None) -> bool:
    """Whether the cross-encoder orders lists of this kind: as its version was judged, whatever was fitted. One that
    nobody judged orders all where no ranker was fitted."""
    judged = model.bundle.reading if model else None
    return ranker is None if judged is None else kind in judged


def reads(reading: Reading, *, orders: bool) -> bool:
    """Whether the cross-encoder is asked at all: its logits may be wanted beside an order that it does not make."""
    return reading is Reading.ALWAYS or (orders and reading is not Reading.NEVER)


def of_reader(model: ServedModel) -> Ordering:
    """The fused score of a model version."""
    return Ordering(RankedBy(OrderedBy.READER, model.identity.version), model.bundle.fusion)


def without_reader(
    kind: RequestKind, ranker: FittedRanker | None, first_stage: str = BLEND, *, signals: bool = True
) -> Ordering:
    """Trees where they were fitted and have signals to read; else ``first_stage``, which made the candidates' scores.
    In place of the blend it is the source that was best, where it was measured for such requests."""
    if ranker is not None and kind is RequestKind.WARM:
        if ranker.trees is not None and signals:
            return Ordering(RankedBy(OrderedBy.TREES, ranker.version), ranker.trees)
        if first_stage == BLEND:
            return Ordering(RankedBy(OrderedBy.FIRST_STAGE, ranker.verdict.first_stage), ranker.first_stage)
    return Ordering(RankedBy(OrderedBy.FIRST_STAGE, first_stage), _BY_SCORE)


def place(ordering: Ordering, given: FusionInput) -> list[RankedCandidate]:
    """The total order, with the logits that are known beside it. First-stage order has no score."""
    placed = rank(ordering.fusion, given)
    if ordering.by.by is OrderedBy.READER:
        return placed
    has_score = ordering.by.by is OrderedBy.TREES
    return [
        replace(one, logit=given.logits.get(one.candidate.item_id), score=one.score if has_score else None)
        for one in placed
    ]
