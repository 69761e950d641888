"""The first stage of a fold: all sources, and the candidates that the reciprocal rank fusion of some of them proposes.
Knows no file."""

from collections.abc import Sequence
from math import isfinite

import numpy as np
import numpy.typing as npt

from gateway.candidates.blend import BlendSettings, cut
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
        blend: BlendSettings = BlendSettings(),
    ) -> None:
        """``blend``: how the sources are weighed when they are fused, and which have places of their own."""
        self._item_ids = [item.item_id for item in dataset.items]
        self._places = {item_id: place for place, item_id in enumerate(self._item_ids)}
        self._sources = tuple(sources)
        self._options = options
        self._weights = np.array([blend.weights.get(source.name, 1.0) for source in self._sources])
        self._reserved = [blend.places(source.name, options.depth) for source in self._sources]

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
        orders = np.argsort(-scores, axis=1, kind="stable")
        ranks = _ranks(scores, orders)
        chosen = [number for number, source in enumerate(self._sources) if source.name in self._options.fused]
        told = (ranks <= self._options.fused_depth) & np.isfinite(scores) & (scores != 0)
        fused = reciprocal_rank_sums(ranks[chosen], told[chosen], self._weights[chosen])
        order = np.argsort(-fused, kind="stable")[: np.count_nonzero(fused)]
        reserved = {
            place for source in chosen for place in orders[source, : self._reserved[source]] if told[source, place]
        }
        best = cut(order.tolist(), reserved, self._options.depth)
        hits = zip(ranks[:, best].T.tolist(), scores[:, best].T.tolist(), strict=True)
        return CandidateList(
            case.user_id,
            case.history,
            case.targets,
            tuple(
                Candidate(self._item_ids[place], number, float(fused[place]), self._hits(*told))
                for number, (place, told) in enumerate(zip(best, hits, strict=True), start=1)
            ),
            {
                source.name: self._alone(score, order)
                for source, score, order in zip(self._sources, scores, orders, strict=True)
            },
        )

    def _alone(self, scores: Scores, order: Ranks) -> tuple[str, ...]:
        """The first ``depth`` items by one source's ``scores`` [items]; where it says nothing the list ends."""
        best = order[: self._options.depth]
        return tuple(self._item_ids[place] for place in best if np.isfinite(scores[place]) and scores[place])

    def _hits(self, ranks: Sequence[int], scores: Sequence[float]) -> tuple[SourceHit, ...]:
        """Of one item; a score of 0 says nothing, and -infinity no more."""
        return tuple(
            SourceHit(source.name, rank, score)
            for source, rank, score in zip(self._sources, ranks, scores, strict=True)
            if score and isfinite(score)
        )


def reciprocal_rank_sums(
    ranks: Ranks, told: npt.NDArray[np.bool_], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """[items]: the score of reciprocal rank fusion (Cormack et al., SIGIR 2009), as gateway/candidates/blend.py fuses
    lists of few items, here for whole catalogues. ``ranks`` [sources, items] from 1; ``told`` [sources, items]: where a
    source proposes the item; ``weights`` [sources]. Of one source of weight 1 that puts an item first:
    1 / (RANK_OFFSET + 1)."""
    sums: npt.NDArray[np.float64] = weights @ np.where(told, 1 / (RANK_OFFSET + ranks), 0.0)
    return sums


def _ranks(scores: Scores, orders: Ranks) -> Ranks:
    """[sources, items] from 1: one more than there are items with a higher score, so equal scores share a rank.
    ``orders`` [sources, items]: places by falling score."""
    falling = np.take_along_axis(scores, orders, axis=1)
    first = np.ones(scores.shape, np.int64)
    first[:, 1:] = np.where(falling[:, 1:] < falling[:, :-1], np.arange(2, scores.shape[1] + 1), 1)
    ranks = np.empty_like(first)
    np.put_along_axis(ranks, orders, np.maximum.accumulate(first, axis=1), axis=1)
    return ranks
