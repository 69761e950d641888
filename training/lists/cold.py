"""Lists with items behind them that nobody has liked yet, as a gateway serves them: proposed for their texts alone.
Knows no text and no source."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from gateway.domain.values import Candidate, SourceHit
from training.lists.candidate_list import CandidateList

NEAREST = 50
"""Hidden items that a list gets."""


def with_cold(
    lists: Sequence[CandidateList],
    scores: npt.NDArray[np.float32],
    item_ids: Sequence[str],
    source: str,
    count: int = NEAREST,
) -> list[CandidateList]:
    """Each list with the ``count`` best of ``item_ids`` behind its own candidates. ``scores`` [lists, item_ids]: what
    ``source``, the only one that proposes them, says of each, -infinity for what a list may not propose."""
    return [_longer(one, row, item_ids, source, count) for one, row in zip(lists, scores, strict=True)]


def _longer(
    one: CandidateList, scores: npt.NDArray[np.float32], item_ids: Sequence[str], source: str, count: int
) -> CandidateList:
    known = {candidate.item_id for candidate in one.candidates}
    ordered = (place for place in np.argsort(-scores, kind="stable") if np.isfinite(scores[place]))
    best = [place for place in ordered if item_ids[place] not in known][:count]
    last = max((candidate.rank for candidate in one.candidates), default=0)
    cold = (
        Candidate(item_ids[place], last + number, 0.0, (SourceHit(source, number, float(scores[place])),))
        for number, place in enumerate(best, start=1)
    )
    return replace(one, candidates=(*one.candidates, *cold))
