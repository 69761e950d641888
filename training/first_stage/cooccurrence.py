"""A train-only fit of item statistics: what the lists and soft labels of distillation are made from. Never used to
serve or to evaluate: those call the gateway's own candidate sources.

The scores of an item after a history are log-linear: learned weights times the three logarithms of ``features``. The
counts are those of gateway/catalog/pair_counts.py, of all pairs of items within a window; each is divided by the
geometric mean of the two items' own counts, so that popular items are not near to everything.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array

from gateway.catalog.low_rank import Matrix, leading_eigenvectors, truncated_logarithm
from gateway.catalog.pair_counts import damped_cosine, liked_after, liked_together
from gateway.domain.history import History
from training.first_stage.training_interactions import weights_of
from training.options.cooccurrence import CooccurrenceOptions

Scores = Matrix

FEATURES = 3
"""Of Cooccurrence.features: together, follows, popular."""

NEAR_FLOOR = 0.01
NEXT_FLOOR = 0.005
"""Added before the logarithm to the damped counts of a pair, so that strangers have a logarithm too."""


class Cooccurrence:
    """Counts of users who liked two items (``together``), liked one at most ``options.window`` positives after another
    (``follows``, [items, items] sparse, row first) and liked one (``popular`` [items]). Of the histories "a b c" and
    "b a", ``together[a, b]`` is 2, ``follows[a, b]`` 1 and ``popular[c]`` 1.

    ``item_ids`` is the catalogue, whose order is that of every axis of items; histories hold each item once. Raises
    KeyError for a history with an item that is not of the catalogue.
    """

    def __init__(
        self, item_ids: Sequence[str], histories: Sequence[History[str]], options: CooccurrenceOptions
    ) -> None:
        self.options = options
        self._places: Mapping[str, int] = {item_id: place for place, item_id in enumerate(item_ids)}
        found = [self.places(history) for history in histories]
        liked = weights_of(found, len(item_ids)).astype(np.float64)
        self.popular: Scores = np.asarray(liked.sum(axis=0)).ravel()
        self.together = liked_together(liked)
        self.follows = liked_after(found, len(item_ids), np.ones(options.window))
        self._followed: Scores = self.follows.sum(axis=1)
        self._following: Scores = self.follows.sum(axis=0)

    def places(self, history: History[str]) -> History[int]:
        """Positions in the catalogue."""
        return history.map(self._places.__getitem__)

    def features(self, history: History[int], own: Sequence[int] = ()) -> Scores:
        """[items, 3]: logarithms of how often each item was liked with the items of the history, and after them, older
        ones counting less, and of how many users liked it. ``own``: all of this user's positives in the fit, oldest
        first, whose counts are taken out, so that a training position is scored as if the user were new."""
        options = self.options
        near, next_, popular = self._relations(history, own)
        ages = np.arange(len(near), dtype=np.float64)
        together = options.together_decay**ages @ near
        follows = options.follows_decay**ages @ next_
        return np.stack([np.log(together + 0.05), np.log(follows + 0.02), np.log1p(popular)], axis=1)

    def relations(self, history: History[int], items: Sequence[int], own: Sequence[int] = ()) -> Scores:
        """[items, recent, 2]: how near each recent history item (newest first) lies to each item, and how often the
        item follows it; logarithms. ``own`` as for features."""
        near, next_, _ = self._relations(history, own)
        chosen = list(items)
        return np.stack([np.log(near[:, chosen].T + NEAR_FLOOR), np.log(next_[:, chosen].T + NEXT_FLOOR)], axis=2)

    def _relations(self, history: History[int], own: Sequence[int]) -> tuple[Scores, Scores, Scores]:
        """Normalised together and follows of the recent items, [recent, items] each, and popularity [items]."""
        recent = list(history.newest(self.options.recent_items).newest_first)
        together, follows = self.together[recent].toarray(), self.follows[recent].toarray()
        popular = self.popular.copy()
        if own:
            self._leave_out(recent, own, together, follows)
            popular[list(own)] -= 1
        near = together / (np.sqrt(np.outer(np.maximum(popular[recent], 0), popular)) + self.options.shrink)
        next_ = follows / (np.sqrt(np.outer(self._followed[recent] + 1, self._following + 1)) + 1)
        return np.maximum(near, 0), np.maximum(next_, 0), popular

    def normalised(self) -> tuple[csr_array, csr_array]:
        """Together and follows of all pairs, [items, items] each, between 0 and 1."""
        near = damped_cosine(self.together, self.popular, self.popular, self.options.shrink)
        return near, damped_cosine(self.follows, self._followed + 1, self._following + 1, 1)

    def similarity(self) -> csr_array:
        """[items, items] symmetric closeness of items, for their vectors."""
        near, next_ = self.normalised()
        both = near / _mean_positive(near) + (next_ + next_.T) * (0.5 / _mean_positive(next_))
        return csr_array(both.log1p())

    def vectors(self, width: int) -> npt.NDArray[np.float32]:
        """[items, width] unit vectors from the leading eigenvectors (the first, popularity, left out); zero for items
        that fewer than two users liked."""
        values, basis = leading_eigenvectors(self.similarity(), width + 1)
        leading = np.argsort(-np.abs(values))[1 : width + 1]
        vectors = basis[:, leading] * np.sqrt(np.abs(values[leading]))
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
        vectors[self.popular < 2] = 0
        return np.pad(vectors, ((0, 0), (0, width - vectors.shape[1]))).astype(np.float32)

    def _leave_out(self, recent: Sequence[int], own: Sequence[int], together: Scores, follows: Scores) -> None:
        order = {place: position for position, place in enumerate(own)}
        together[:, list(own)] -= 1
        for row, place in enumerate(recent):
            together[row, place] = 0
            later = own[order[place] + 1 : order[place] + 1 + self.options.window]
            follows[row, list(later)] -= 1


class SmoothCooccurrence:
    """A first stage of the ``recent_items`` most recent items, whose relations are smoothed to ``rank`` dimensions.

    Counts of rare pairs are noise that no model can learn from titles; what is left after smoothing ranks better than
    the counts do, and is a product of one vector per item. One user leaves hardly a trace in it.
    """

    def __init__(self, counts: Cooccurrence, recent_items: int, rank: int) -> None:
        self._counts = counts
        self._recent_items = recent_items
        near, next_ = counts.normalised()
        self._near = truncated_logarithm(near, NEAR_FLOOR, rank)
        self._next = truncated_logarithm(next_, NEXT_FLOOR, rank)
        self.popular = counts.popular

    def features(self, history: History[int], own: Sequence[int] = ()) -> Scores:
        """As Cooccurrence.features; ``own`` changes nothing."""
        recent = list(history.newest(self._recent_items).newest_first)
        ages = np.arange(len(recent), dtype=np.float64)
        options = self._counts.options
        near = options.together_decay**ages @ self._near.rows(recent)
        next_ = options.follows_decay**ages @ self._next.rows(recent)
        return np.stack([near, next_, np.log1p(self.popular)], axis=1)

    def relations(self, history: History[int], items: Sequence[int], own: Sequence[int] = ()) -> Scores:
        """As Cooccurrence.relations; ``own`` changes nothing."""
        recent = list(history.newest(self._recent_items).newest_first)
        return np.stack([self._near.block(recent, items).T, self._next.block(recent, items).T], axis=2)


def _mean_positive(matrix: csr_array) -> float:
    positive = matrix.data[matrix.data > 0]
    return float(positive.mean()) if positive.size else 1.0
