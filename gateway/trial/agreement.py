"""Two orders of the same candidates, side by side: how far a challenger's list is from the champion's. Knows no
store."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gateway.domain.comparison import TOP, Agreement, Shift
from gateway.domain.order import OrderedBy
from gateway.ranking.order import RankedCandidate
from gateway.ranking.request import ListDraft


def agreement(champion: ListDraft, challenger: ListDraft) -> Agreement | None:
    """Compares two whole lists over the items that both placed; None for fewer than two of these. Scores of trees and
    of a model are on scales of their own: they are compared with their like alone."""
    theirs = {one.candidate.item_id: (place, one) for place, one in enumerate(_placed(challenger))}
    both = [(one, *theirs[one.candidate.item_id]) for one in _placed(champion) if one.candidate.item_id in theirs]
    if len(both) < 2:
        return None
    order = np.array([place for _, place, _ in both])
    alike = champion.ranked_by.by is challenger.ranked_by.by
    return Agreement(
        items=len(both),
        kendall_tau=kendall_tau(order),
        top_overlap=_top_overlap(order),
        score=_shift([(before.score, after.score) for before, _, after in both]) if alike else None,
        logit=_shift([(before.logit, after.logit) for before, _, after in both]) if alike else None,
    )


def _placed(draft: ListDraft) -> list[RankedCandidate]:
    """Without those that stand behind since they got no score; first-stage order gives none."""
    has_scores = draft.ranked_by.by is not OrderedBy.FIRST_STAGE
    return [one for one in draft.placed if one.score is not None or not has_scores]


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


def _shift(values: Sequence[tuple[float | None, float | None]]) -> Shift | None:
    if any(value is None for pair in values for value in pair):
        return None
    before_after = np.array(values, dtype=np.float64)
    moved = before_after[:, 1] - before_after[:, 0]
    return Shift(float(moved.mean()), float(np.percentile(np.abs(moved), 95)))
