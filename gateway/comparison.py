"""Two rankings of the same candidates, side by side: how far a challenger's list is from the champion's. Knows no
model and no store."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from gateway.domain import ModelIdentity
from gateway.ranking import Placed

TOP = 10
"""Depth of the overlap: what users look at."""


@dataclass(frozen=True, slots=True)
class Shift:
    """Challenger minus champion over the items of a list: the mean, and the 95th percentile of the absolute value."""

    mean: float
    p95: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How alike two orders of the same ``items`` are: Kendall tau in [-1, 1], shared part of the first ``TOP`` in
    [0, 1], and how the fused scores and the logits moved."""

    items: int
    kendall_tau: float
    top_overlap: float
    score: Shift
    logit: Shift


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request under both models. Seconds are those of the stage ``score``; the champion's are None where a part of
    its list came from a cache or another request, for the challenger's never does."""

    champion: ModelIdentity
    challenger: ModelIdentity
    agreement: Agreement
    champion_s: float | None
    challenger_s: float


class Outcome(Enum):
    """How the comparison of one request ended; all but the first are losses."""

    COMPARED = "compared"
    BUSY = "busy"
    DEADLINE = "deadline"
    UNAVAILABLE = "unavailable"
    UNSCORED = "unscored"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Loss:
    """A request that was drawn and could not be compared."""

    champion: ModelIdentity
    challenger: ModelIdentity
    outcome: Outcome


def agreement(champion: Sequence[Placed], challenger: Sequence[Placed]) -> Agreement | None:
    """Compares two whole orders over the items that both scored; None for fewer than two of these."""
    places = {one.candidate.item_id: place for place, one in enumerate(challenger) if one.score is not None}
    pairs = [
        (one, challenger[places[one.candidate.item_id]], places[one.candidate.item_id])
        for one in champion
        if one.score is not None and one.candidate.item_id in places
    ]
    if len(pairs) < 2:
        return None
    order = np.array([place for _, _, place in pairs])
    return Agreement(
        items=len(pairs),
        kendall_tau=kendall_tau(order),
        top_overlap=_top_overlap(order),
        score=_shift([(before.score, after.score) for before, after, _ in pairs]),
        logit=_shift([(before.logit, after.logit) for before, after, _ in pairs]),
    )


def kendall_tau(order: npt.NDArray[np.int64]) -> float:
    """Kendall's tau of distinct places in one order [items], listed in the other order. Orders are total, so there are
    no ties (Kendall, Biometrika 1938)."""
    count = len(order)
    discordant = int(np.triu(order[:, None] > order[None, :], k=1).sum())
    return 1.0 - 4.0 * discordant / (count * (count - 1))


def _top_overlap(order: npt.NDArray[np.int64]) -> float:
    depth = min(TOP, len(order))
    first_of_challenger = np.argsort(order)[:depth]
    return float((first_of_challenger < depth).sum() / depth)


def _shift(values: Sequence[tuple[float | None, float | None]]) -> Shift:
    before_after = np.array(values, dtype=np.float64)
    moved = before_after[:, 1] - before_after[:, 0]
    return Shift(float(moved.mean()), float(np.percentile(np.abs(moved), 95)))
