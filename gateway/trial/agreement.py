"""Two rankings of the same candidates, side by side: how far a challenger's list is from the champion's. Knows no
model and no store."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gateway.domain.comparison import TOP, Agreement, Shift
from gateway.ranking.order import RankedCandidate


def agreement(champion: Sequence[RankedCandidate], challenger: Sequence[RankedCandidate]) -> Agreement | None:
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
