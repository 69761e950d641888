"""The first stage of a fold: all sources, and the candidates that the reciprocal rank fusion of some of them proposes.
Knows no file."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from gateway.domain.progress import Advance
from gateway.domain.values import Candidate, SourceHit
from gateway.ranker.features import RANK_OFFSET
from training.first_stage.source import FittedSource
from training.first_stage.training_interactions import Scores
from training.lists.candidate_list import CandidateList
from training.options.sources import SourceOptions
from training.protocol.dataset import Dataset, UserCase

BATCH = 64

Ranks = npt.NDArray[np.int64]


class FoldFirstStage:
    """Makes the lists of one fold."""

    def __init__(
        self,
        dataset: Dataset,
        sources: Sequence[FittedSource],
        options: SourceOptions,
        weights: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        """``weights``: how much a source's ranks count when they are fused, by name; 1 where none is named."""
        self._item_ids = [item.item_id for item in dataset.items]
        self._places = {item_id: place for place, item_id in enumerate(self._item_ids)}
        self._sources = tuple(sources)
        self._names = [source.name for source in self._sources]
        self._options = options
        self._weights = np.array([weights.get(source.name, 1.0) for source in self._sources])

    def lists(self, cases: Sequence[UserCase], advance: Advance = lambda count: None) -> list[CandidateList]:
        """One list per case, in order."""
        made: list[CandidateList] = []
        for start in range(0, len(cases), BATCH):
            batch = cases[start : start + BATCH]
            scores = self._scores(batch)
            made += [self._list(case, scores[:, row]) for row, case in enumerate(batch)]
            advance(len(batch))
        return made

    def _scores(self, cases: Sequence[UserCase]) -> Scores:
        """[sources, cases, items]; -infinity for what the user knows already."""
        histories = [case.history.map(self._places.__getitem__) for case in cases]
        scores = np.stack([source.score(histories) for source in self._sources])
        for row, case in enumerate(cases):
            scores[:, row, [self._places[item_id] for item_id in case.seen.union(case.history.oldest_first)]] = -np.inf
        return scores

    def _list(self, case: UserCase, scores: Scores) -> CandidateList:
        """``scores`` [sources, items]"""
        falling = np.sort(-scores, axis=1)
        places = self._told_of(scores, falling)
        scores = scores[:, places]
        ranks = _ranks(scores, falling)
        says = np.isfinite(scores) & (scores != 0)
        chosen = [number for number, source in enumerate(self._sources) if source.name in self._options.fused]
        told = (ranks <= self._options.fused_depth) & says
        fused = reciprocal_rank_sums(ranks[chosen], told[chosen], self._weights[chosen])
        best = np.argsort(-fused, kind="stable")[: self._options.depth]
        best = best[fused[best] > 0]
        item_ids = [self._item_ids[place] for place in places]
        hits = zip(ranks[:, best].T.tolist(), scores[:, best].T.tolist(), strict=True)
        alone = (ranks <= self._options.depth) & says
        return CandidateList(
            case.user_id,
            case.history,
            case.targets,
            tuple(
                Candidate(item_ids[place], number, score, self._hits(*told))
                for number, (place, score, told) in enumerate(
                    zip(best.tolist(), fused[best].tolist(), hits, strict=True), start=1
                )
            ),
            {
                source.name: self._alone(item_ids, score, one)
                for source, score, one in zip(self._sources, scores, alone, strict=True)
            },
        )

    def _told_of(self, scores: Scores, falling: Scores) -> Ranks:
        """Places of the items that some source may propose, the others are of no list. ``falling`` [sources, items]:
        the scores times -1, by falling score."""
        most = min(max(self._options.depth, self._options.fused_depth), scores.shape[1])
        among_first = -scores <= falling[:, most - 1 : most]
        places: Ranks = np.flatnonzero((among_first & np.isfinite(scores) & (scores != 0)).any(axis=0))
        return places

    def _alone(self, item_ids: Sequence[str], scores: Scores, told: npt.NDArray[np.bool_]) -> tuple[str, ...]:
        """The first ``depth`` items by one source's ``scores`` [items]; where it says nothing the list ends."""
        places = np.flatnonzero(told)
        best = places[np.argsort(-scores[places], kind="stable")[: self._options.depth]]
        return tuple([item_ids[place] for place in best.tolist()])

    def _hits(self, ranks: Sequence[int], scores: Sequence[float]) -> tuple[SourceHit, ...]:
        """Of one item; a score of 0 says nothing."""
        told = zip(self._names, ranks, scores, strict=True)
        return tuple([SourceHit(name, rank, score) for name, rank, score in told if score])


def reciprocal_rank_sums(
    ranks: Ranks, told: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """[items]: the score of reciprocal rank fusion (Cormack et al., SIGIR 2009), as gateway/candidates/blend.py fuses
    lists of few items, here for whole catalogues. ``ranks`` [sources, items] from 1; ``told`` [sources, items]: where a
    source proposes the item; ``weights`` [sources]. Of one source of weight 1 that puts an item first:
    1 / (RANK_OFFSET + 1)."""
    sums: npt.NDArray[np.float64] = weights @ np.where(told, 1 / (RANK_OFFSET + ranks), 0.0)
    return sums


def _ranks(scores: Scores, falling: Scores) -> Ranks:
    """[sources, some] from 1: one more than there are items with a higher score, so equal scores share a rank.
    ``scores`` [sources, some]; ``falling`` [sources, items]: those of all items times -1, by falling score."""
    ranks: Ranks = 1 + np.stack([np.searchsorted(row, -one) for row, one in zip(falling, scores, strict=True)])
    return ranks
