"""First stages that add up how near items lie to the history: item kNN, EASE, what follows what. Knows no text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import spotrf, spotri
from scipy.sparse import csr_array, issparse

from gateway.catalog.ease import ease as closed_form
from gateway.domain.history import History
from training.first_stage.pair_counts import damped_cosine, liked_after, liked_together
from training.first_stage.training_interactions import Scores, TrainingInteractions, weights_of

FOLLOWING_WEIGHTS = 1 / np.arange(1, 6, dtype=np.float32)
"""What an item counts that was liked 1, 2, … positives later; beyond these it does not follow."""


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
    nearness = damped_cosine(liked_together(known.matrix()), popularity, popularity, shrink)
    for start, stop in zip(nearness.indptr[:-1], nearness.indptr[1:], strict=True):
        row = nearness.data[start:stop]
        row[np.argsort(-row, kind="stable")[neighbors:]] = 0
    nearness.eliminate_zeros()
    return nearness


def ease(known: TrainingInteractions, ridge: float) -> Scores:
    """[items, items]: what each item (row) adds to the score of another, as the gateway's index computes it
    (gateway/catalog/ease.py)."""
    liked = known.matrix()
    return closed_form(np.asarray((liked.T @ liked).todense(), dtype=np.float32), ridge, _inverse)


def _inverse(matrix: Scores) -> Scores:
    """Of a symmetric positive definite matrix, which is overwritten: LAPACK's own from the Cholesky factor, in single
    precision and half the time of solving for every column of the identity."""
    factor, singular = spotrf(matrix.T, lower=True, overwrite_a=True, clean=True)
    if singular:
        raise np.linalg.LinAlgError(f"minor {singular} is not positive definite")
    lower, _ = spotri(factor, lower=True, overwrite_c=True)  # above the diagonal it stays clean
    inverse: Scores = np.add(lower, lower.T, order="C")  # by rows, as products with sparse histories read it
    inverse[np.diag_indices_from(inverse)] /= 2
    return inverse


def follows(known: TrainingInteractions, shrink: float) -> csr_array:
    """[items, items]: how often an item (column) was liked soon after another (row), the sooner the more, against how
    often both are part of such a pair."""
    counts = liked_after(known.histories, known.items, FOLLOWING_WEIGHTS)
    return damped_cosine(counts, counts.sum(axis=1) + 1, counts.sum(axis=0) + 1, shrink)
