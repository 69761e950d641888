"""Logits to a list: fused score, total order, diversity cap, top-k. The same code fits and serves the fusion."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.domain.values import Candidate, DiversityCap, Item
from gateway.ranker.features import FusionInput
from gateway.ranker.fused_score import Fusion


@dataclass(frozen=True, slots=True)
class RankedCandidate:
    """A candidate in its final place. ``logit``/``score`` are None when it was not scored."""

    candidate: Candidate
    logit: float | None
    score: float | None
    invalid: bool = False


def sigmoid(value: float) -> float:
    """Logistic function, without overflow."""
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    exponential = math.exp(value)
    return exponential / (1.0 + exponential)


def rank(fusion: Fusion, given: FusionInput) -> list[RankedCandidate]:
    """A total order: scored items by fused margin descending, ties by first-stage rank; then items without a logit in
    first-stage order; then items whose logit is not finite. Features are those of the scored items' list. A fusion that
    reads no logit scores every item."""
    in_order = sorted(given.candidates, key=lambda one: one.rank)
    if not fusion.reads_logit:
        margins = fusion.margins(replace(given, candidates=in_order)).tolist()
        found = sorted(zip(margins, in_order, strict=True), key=lambda one: -one[0])
        return [RankedCandidate(candidate, None, sigmoid(margin)) for margin, candidate in found]
    unscored = [one for one in in_order if one.item_id not in given.logits]
    invalid = [one for one in in_order if not math.isfinite(given.logits.get(one.item_id, 0.0))]
    scored = [one for one in in_order if math.isfinite(given.logits.get(one.item_id, math.nan))]
    margins = fusion.margins(replace(given, candidates=scored)).tolist()
    by_margin = sorted(zip(margins, scored, strict=True), key=lambda one: -one[0])  # keeps first-stage order of ties
    return [
        *(
            RankedCandidate(candidate, given.logits[candidate.item_id], sigmoid(margin))
            for margin, candidate in by_margin
        ),
        *(RankedCandidate(candidate, None, None) for candidate in unscored),
        *(RankedCandidate(candidate, None, None, invalid=True) for candidate in invalid),
    ]


def at_least(placed: Sequence[RankedCandidate], min_score: float | None) -> list[RankedCandidate]:
    """Leaves out scored items below ``min_score``; keeps those without a score."""
    return [one for one in placed if min_score is None or one.score is None or one.score >= min_score]


def cap_shared(
    placed: Sequence[RankedCandidate], items: Mapping[str, Item], cap: DiversityCap | None
) -> list[RankedCandidate]:
    """Keeps the first ``maximum`` items of each value of the attribute; items without it are always kept."""
    if cap is None:
        return list(placed)
    counts: dict[object, int] = {}
    kept: list[RankedCandidate] = []
    for one in placed:
        item = items.get(one.candidate.item_id)
        value = item.attributes.get(cap.attribute) if item else None
        values: tuple[object, ...] = value if isinstance(value, tuple) else () if value is None else (value,)
        if any(counts.get(label, 0) >= cap.maximum for label in values):
            continue
        for label in values:
            counts[label] = counts.get(label, 0) + 1
        kept.append(one)
    return kept
