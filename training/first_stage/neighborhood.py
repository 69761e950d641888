"""First stages that add up how near items lie to the history: item kNN, EASE, what follows what. Knows no text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, issparse

from gateway.catalog.ease import ease as closed_form
from gateway.catalog.pair_counts import damped_cosine, liked_after, liked_together
from gateway.catalog.relations import FOLLOWING_WEIGHTS, strongest
from gateway.domain.history import History
from training.first_stage.training_interactions import Scores, TrainingInteractions, weights_of


@dataclass(frozen=True, slots=True)
class Neighborhood:
    """A FittedSource: the decayed sum of ``nearness`` [items, items] over the history."""

    name: str
    nearness: csr_array | Scores
    decay: float = 1.0
    recent: int = 0

    def score(self, histories: Sequence[History[int]]) -> Scores:
        """[histories, items]"""
        weights = weights_of(histories, self.nearness.shape[0], decay=self.decay, recent=self.recent)
        total = weights @ self.nearness
        return np.asarray(total.toarray() if issparse(total) else total, dtype=np.float32)


def item_knn(known: TrainingInteractions, neighbors: int, shrink: float) -> csr_array:
    """[items, items]: cosine of the users who liked two items, damped; only the nearest ``neighbors`` of an item (row)
    stay (Deshpande and Karypis, TOIS 2004)."""
    popularity = known.popularity()
    return strongest(damped_cosine(liked_together(known.matrix()), popularity, popularity, shrink), neighbors)


def ease(known: TrainingInteractions, ridge: float) -> Scores:
    """[items, items]: what each item (row) adds to the score of another, as the gateway's index computes it
    (gateway/catalog/ease.py)."""
    liked = known.matrix()
    return closed_form(np.asarray((liked.T @ liked).todense(), dtype=np.float32), ridge)


def follows(known: TrainingInteractions, shrink: float) -> csr_array:
    """[items, items]: how often an item (column) was liked soon after another (row), the sooner the more, against how
    often both are part of such a pair."""
    counts = liked_after(known.histories, known.items, FOLLOWING_WEIGHTS)
    return damped_cosine(counts, counts.sum(axis=1) + 1, counts.sum(axis=0) + 1, shrink)
