"""Logits to a list: fused score, total order, diversity cap, top-k. The same code fits and serves the fusion."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gateway.domain import Candidate, DiversityCap, Item
from gateway.encoding.spec import FusionSpec

RANK_OFFSET = 60
"""Of reciprocal rank (Cormack, Clarke, Büttcher, SIGIR 2009)."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A candidate in its final place. ``logit``/``score`` are None when it was not scored."""

    candidate: Candidate
    logit: float | None
    score: float | None
    invalid: bool = False


def _source_score(candidate: Candidate, source: str) -> float:
    return next((hit.score for hit in candidate.hits if hit.source == source), 0.0)


def _reciprocal_rank(candidate: Candidate, source: str) -> float:
    rank = next((hit.rank for hit in candidate.hits if hit.source == source), None)
    return 0.0 if rank is None else RANK_OFFSET / (RANK_OFFSET + rank)


_SOURCE_FEATURES: Mapping[str, Callable[[Candidate, str], float]] = {
    "reciprocal_rank": _reciprocal_rank,
    "score": _source_score,
    "log_score": lambda candidate, source: math.log1p(max(0.0, _source_score(candidate, source))),
}


def feature_value(name: str, candidate: Candidate, logit: float) -> float:
    """One fusion feature: ``logit``, ``first_stage`` (fused first-stage score) or ``kind:source`` (0 when the source
    did not propose the item). Raises KeyError for an unknown name."""
    if name == "logit":
        return logit
    if name == "first_stage":
        return candidate.score
    kind, _, source = name.partition(":")
    return _SOURCE_FEATURES[kind](candidate, source)


def fusion_features(
    names: Sequence[str], candidates: Sequence[Candidate], logits: Sequence[float]
) -> npt.NDArray[np.float64]:
    """Feature matrix [candidates, names]."""
    rows = [
        [feature_value(name, candidate, logit) for name in names]
        for candidate, logit in zip(candidates, logits, strict=True)
    ]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(names))


def fused_margin(fusion: FusionSpec, candidate: Candidate, logit: float) -> float:
    """The fused score before the sigmoid."""
    return fusion.intercept + sum(
        term.weight * (feature_value(term.feature, candidate, logit) - term.mean) / term.scale for term in fusion.terms
    )


def sigmoid(value: float) -> float:
    """Logistic function, without overflow."""
    if value >= 0:
        return 1.0 / (1.0 + math.exp(-value))
    exponential = math.exp(value)
    return exponential / (1.0 + exponential)


def rank(fusion: FusionSpec, candidates: Sequence[Candidate], logits: Mapping[str, float]) -> list[Placed]:
    """A total order: scored items by fused margin descending, ties by first-stage rank; then items without a logit in
    first-stage order; then items whose logit is not finite."""
    scored: list[tuple[float, int, Placed]] = []
    unscored: list[Placed] = []
    invalid: list[Placed] = []
    for candidate in sorted(candidates, key=lambda one: one.rank):
        logit = logits.get(candidate.item_id)
        if logit is None:
            unscored.append(Placed(candidate, None, None))
        elif not math.isfinite(logit):
            invalid.append(Placed(candidate, None, None, invalid=True))
        else:
            margin = fused_margin(fusion, candidate, logit)
            scored.append((-margin, candidate.rank, Placed(candidate, logit, sigmoid(margin))))
    return [placed for _, _, placed in sorted(scored, key=lambda one: one[:2])] + unscored + invalid


def at_least(placed: Sequence[Placed], min_score: float | None) -> list[Placed]:
    """Leaves out scored items below ``min_score``; keeps those without a score."""
    return [one for one in placed if min_score is None or one.score is None or one.score >= min_score]


def cap_shared(placed: Sequence[Placed], items: Mapping[str, Item], cap: DiversityCap | None) -> list[Placed]:
    """Keeps the first ``maximum`` items of each value of the attribute; items without it are always kept."""
    if cap is None:
        return list(placed)
    counts: dict[object, int] = {}
    kept: list[Placed] = []
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
