"""A train-only fit of item statistics: what training lists and soft labels are made from. Never used to serve or to
evaluate: those call the gateway's own candidate sources."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse.linalg import eigsh, svds

Scores = npt.NDArray[np.float64]

FEATURES = 3
"""Of FirstStage.features: together, follows, popular."""

EXACT_ITEMS = 2000
"""Up to here whole decompositions take seconds; of 10,000 items they take many minutes."""


@dataclass(frozen=True, slots=True)
class FirstStageOptions:
    """Chosen on the valid lists. ``window``: how many positives later still count as following."""

    shrink: float = 2.0
    recent_items: int = 20
    together_decay: float = 0.8
    follows_decay: float = 0.9
    window: int = 10


class FirstStage:
    """Counts of users who liked two items (together), liked one soon after another (follows), liked one (popular)."""

    def __init__(self, item_ids: Sequence[str], histories: Sequence[Sequence[str]], options: FirstStageOptions) -> None:
        self.options = options
        self.index: Mapping[str, int] = {item_id: place for place, item_id in enumerate(item_ids)}
        count = len(item_ids)
        self.popular: Scores = np.zeros(count)
        self.together: Scores = np.zeros((count, count))
        self.follows: Scores = np.zeros((count, count))
        for history in histories:
            places = self.places(history)
            self.popular[places] += 1
            self.together[np.ix_(places, places)] += 1
            for position, place in enumerate(places):
                self.follows[place, places[position + 1 : position + 1 + options.window]] += 1
        np.fill_diagonal(self.together, 0)
        self._followed: Scores = self.follows.sum(axis=1, dtype=np.float64)
        self._following: Scores = self.follows.sum(axis=0, dtype=np.float64)

    def places(self, item_ids: Sequence[str]) -> list[int]:
        """Positions in the catalogue."""
        return [self.index[item_id] for item_id in item_ids]

    def features(self, history: Sequence[int], own: Sequence[int] = ()) -> Scores:
        """[items, 3] log features after ``history`` (oldest first). ``own``: all of this user's positives in the fit,
        whose contribution is taken out, so that a training position is scored as if the user were new."""
        options = self.options
        near, next_, popular = self._relations(history, own)
        ages = np.arange(len(near), dtype=np.float64)
        together = options.together_decay**ages @ near
        follows = options.follows_decay**ages @ next_
        return np.stack([np.log(together + 0.05), np.log(follows + 0.02), np.log1p(popular)], axis=1)

    def relations(self, history: Sequence[int], items: Sequence[int], own: Sequence[int] = ()) -> Scores:
        """[items, recent, 2]: how near each recent history item (newest first) lies to each item, and how often the
        item follows it; logarithms. ``own`` as for features."""
        near, next_, _ = self._relations(history, own)
        chosen = list(items)
        return np.stack([np.log(near[:, chosen].T + 0.01), np.log(next_[:, chosen].T + 0.005)], axis=2)

    def _relations(self, history: Sequence[int], own: Sequence[int]) -> tuple[Scores, Scores, Scores]:
        """Normalised together and follows of the recent items, [recent, items] each, and popularity [items]."""
        recent = list(history)[::-1][: self.options.recent_items]
        together, follows, popular = self.together[recent].copy(), self.follows[recent].copy(), self.popular.copy()
        if own:
            self._leave_out(recent, own, together, follows)
            popular[list(own)] -= 1
        near = together / (np.sqrt(np.outer(np.maximum(popular[recent], 0), popular)) + self.options.shrink)
        next_ = follows / (np.sqrt(np.outer(self._followed[recent] + 1, self._following + 1)) + 1)
        return np.maximum(near, 0), np.maximum(next_, 0), popular

    def normalised(self) -> tuple[Scores, Scores]:
        """Together and follows of all pairs, [items, items] each, between 0 and 1."""
        near = self.together / (np.sqrt(np.outer(self.popular, self.popular)) + self.options.shrink)
        return near, self.follows / (np.sqrt(np.outer(self._followed + 1, self._following + 1)) + 1)

    def similarity(self) -> Scores:
        """[items, items] symmetric closeness of items, for their vectors."""
        near, next_ = self.normalised()
        parts = (near / _mean_positive(near), 0.5 * (next_ + next_.T) / _mean_positive(next_))
        closeness: Scores = np.log1p(parts[0] + parts[1]).astype(np.float64)
        return closeness

    def vectors(self, width: int) -> npt.NDArray[np.float32]:
        """[items, width] unit vectors from the leading eigenvectors (the first, popularity, left out); zero for items
        that fewer than two users liked."""
        values, basis = _eigenvectors(self.similarity(), width + 1)
        leading = np.argsort(-np.abs(values))[1 : width + 1]
        vectors = basis[:, leading] * np.sqrt(np.abs(values[leading]))
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        vectors[self.popular < 2] = 0
        return np.pad(vectors, ((0, 0), (0, width - vectors.shape[1]))).astype(np.float32)

    def _leave_out(
        self,
        recent: Sequence[int],
        own: Sequence[int],
        together: Scores,
        follows: Scores,
    ) -> None:
        order = {place: position for position, place in enumerate(own)}
        together[:, list(own)] -= 1
        for row, place in enumerate(recent):
            together[row, place] = 0
            later = own[order[place] + 1 : order[place] + 1 + self.options.window]
            follows[row, list(later)] -= 1


class SmoothFirstStage:
    """A first stage of the ``recent_items`` most recent items, whose relations are smoothed to ``rank`` dimensions.

    Counts of rare pairs are noise that no model can learn from titles; what is left after smoothing ranks better than
    the counts do, and is a product of one vector per item. One user leaves hardly a trace in it.
    """

    def __init__(self, counts: FirstStage, recent_items: int, rank: int) -> None:
        self._counts = counts
        self._recent_items = recent_items
        near, next_ = counts.normalised()
        self._near = _truncated(np.log(near + 0.01), rank)
        self._next = _truncated(np.log(next_ + 0.005), rank)
        self.popular = counts.popular

    def places(self, item_ids: Sequence[str]) -> list[int]:
        """Positions in the catalogue."""
        return self._counts.places(item_ids)

    def features(self, history: Sequence[int], own: Sequence[int] = ()) -> Scores:
        """As FirstStage.features; ``own`` changes nothing."""
        recent = list(history)[::-1][: self._recent_items]
        ages = np.arange(len(recent), dtype=np.float64)
        options = self._counts.options
        near = options.together_decay**ages @ self._near[recent]
        next_ = options.follows_decay**ages @ self._next[recent]
        return np.stack([near, next_, np.log1p(self.popular)], axis=1)

    def relations(self, history: Sequence[int], items: Sequence[int], own: Sequence[int] = ()) -> Scores:
        """As FirstStage.relations; ``own`` changes nothing."""
        recent = list(history)[::-1][: self._recent_items]
        pairs = np.ix_(recent, list(items))
        return np.stack([self._near[pairs].T, self._next[pairs].T], axis=2)


def _eigenvectors(matrix: Scores, count: int) -> tuple[Scores, Scores]:
    """Values, and vectors as columns: of large matrices only the ``count`` of largest magnitude, by iteration."""
    if len(matrix) <= EXACT_ITEMS:
        values, basis = np.linalg.eigh(matrix)
        return values, basis
    values, basis = eigsh(matrix, count, which="LM", v0=_start(len(matrix)))
    return values, basis


def _truncated(matrix: Scores, rank: int) -> Scores:
    if len(matrix) <= EXACT_ITEMS:
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
    else:
        left, values, right = svds(matrix, rank, v0=_start(len(matrix)))
        order = np.argsort(-values)
        left, values, right = left[:, order], values[order], right[order]
    smooth: Scores = (left[:, :rank] * values[:rank]) @ right[:rank]
    return smooth


def _start(count: int) -> Scores:
    """Where an iteration begins: always the same, so that a run can be repeated."""
    return np.random.default_rng(0).standard_normal(count)


def _mean_positive(matrix: Scores) -> float:
    positive = matrix[matrix > 0]
    return float(positive.mean()) if positive.size else 1.0
