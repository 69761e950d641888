"""First stages that add up how near items lie to the history: item kNN, EASE, what follows what. Knows no text."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import spotrf, spotri
from scipy.sparse import csr_matrix

from training.first_stage.training_interactions import Scores, TrainingInteractions, weights_of

FOLLOWING_WINDOW = 5
"""How many positives later an item still follows; one that is ``d`` later counts ``1 / d``."""


@dataclass(frozen=True, slots=True)
class Neighborhood:
    """A FittedSource: the decayed sum of ``nearness`` [items, items] over the history."""

    name: str
    nearness: csr_matrix | Scores
    decay: float = 1.0
    recent: int = 0

    def score(self, histories: Sequence[Sequence[int]]) -> Scores:
        """[histories, items]"""
        weights = weights_of(histories, self.nearness.shape[0], decay=self.decay, recent=self.recent)
        total = weights @ self.nearness
        return np.asarray(total.toarray() if isinstance(total, csr_matrix) else total, dtype=np.float32)


def item_knn(known: TrainingInteractions, neighbors: int, shrink: float) -> csr_matrix:
    """Cosine of the users who liked two items, damped by ``shrink`` where few did; only the nearest ``neighbors`` of
    an item stay (Deshpande and Karypis, TOIS 2004)."""
    liked, popularity = known.matrix(), known.popularity()
    together = (liked.T @ liked).tocoo()
    values = together.data / (np.sqrt(popularity[together.row] * popularity[together.col]) + shrink)
    values[together.row == together.col] = 0
    nearness = csr_matrix((values.astype(np.float32), (together.row, together.col)), shape=together.shape)
    for start, stop in zip(nearness.indptr[:-1], nearness.indptr[1:], strict=True):
        row = nearness.data[start:stop]
        row[np.argsort(-row, kind="stable")[neighbors:]] = 0
    nearness.eliminate_zeros()
    return nearness


def ease(known: TrainingInteractions, ridge: float) -> Scores:
    """Weights of the linear autoencoder without self-weights, in closed form (Steck, WWW 2019). [items, items]: grows
    with the square of the catalogue in memory, its cube in time. The gateway's (gateway/catalog/ease.py) has no
    scipy, and inverts in twice the time and precision."""
    liked = known.matrix()
    gram = np.asarray((liked.T @ liked).todense(), dtype=np.float32)
    diagonal = np.arange(known.items)
    gram[diagonal, diagonal] += ridge
    inverse = _inverse(gram)
    # By rows, as products with sparse histories read it: LAPACK's order would be copied at every product.
    weights: Scores = np.ascontiguousarray(-inverse / np.diag(inverse)[None, :], dtype=np.float32)
    weights[diagonal, diagonal] = 0
    return weights


def _inverse(matrix: Scores) -> Scores:
    """Of a symmetric positive definite matrix, which is overwritten: LAPACK's own from the Cholesky factor, in half the
    time of solving for every column of the identity."""
    factor, singular = spotrf(matrix.T, lower=True, overwrite_a=True, clean=True)
    if singular:
        raise np.linalg.LinAlgError(f"minor {singular} is not positive definite")
    lower, _ = spotri(factor, lower=True, overwrite_c=True)  # above the diagonal it stays clean
    inverse: Scores = lower + lower.T
    inverse[np.diag_indices_from(inverse)] /= 2
    return inverse


def follows(known: TrainingInteractions, shrink: float) -> csr_matrix:
    """How often an item was liked soon after another, against how often both are part of such a pair."""
    before: list[int] = []
    after: list[int] = []
    near: list[float] = []
    for history in known.histories:
        for distance in range(1, FOLLOWING_WINDOW + 1):
            before += history[:-distance]
            after += history[distance:]
            near += [1 / distance] * max(0, len(history) - distance)
    counts = csr_matrix((np.array(near, np.float32), (before, after)), shape=(known.items, known.items))
    first, second = np.asarray(counts.sum(axis=1)).ravel(), np.asarray(counts.sum(axis=0)).ravel()
    pairs = counts.tocoo()
    values = pairs.data / (np.sqrt((first[pairs.row] + 1) * (second[pairs.col] + 1)) + shrink)
    return csr_matrix((values.astype(np.float32), (pairs.row, pairs.col)), shape=counts.shape)
