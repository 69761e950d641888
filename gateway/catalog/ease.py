"""How much an item speaks for another: a linear autoencoder without self-weights, in closed form, for the index and for
training's first stage. Knows no database."""

import numpy as np
import numpy.typing as npt
from scipy.linalg.lapack import spotrf, spotri

Weights = npt.NDArray[np.float32]


def ease(gram: Weights, ridge: float) -> Weights:
    """EASE (Steck, WWW 2019, equation 8): the ridge regression of each item on all others, of all items at once.

    ``gram`` [items, items], which is overwritten: how many users liked both items, on the diagonal the one. Returns
    [items, items]: what an item of a history (row) adds to the score of another (column), 0 on the diagonal; a user's
    scores are the sum of the rows of the history. With P = (gram + ridge · I)⁻¹, W[i, j] = -P[i, j] / P[j, j]. Two
    users who liked items 0 and 1, with a ridge of 2: gram + 2 · I = [[4, 2], [2, 4]], and W = [[0, ½], [½, 0]].

    Time grows with the cube of the items. Raises numpy.linalg.LinAlgError where there is none, as for a ridge of 0 and
    two items that the same users liked.
    """
    diagonal = np.arange(len(gram))
    gram[diagonal, diagonal] += ridge
    weights = _inverse(gram) if len(gram) else gram
    weights /= -np.diag(weights).copy()
    weights[diagonal, diagonal] = 0
    return weights


def _inverse(matrix: Weights) -> Weights:
    """Of a symmetric positive definite matrix, which is overwritten: LAPACK's own from the Cholesky factor, in single
    precision and half the time of solving for every column of the identity."""
    factor, singular = spotrf(matrix.T, lower=True, overwrite_a=True, clean=True)
    if singular:
        raise np.linalg.LinAlgError(f"minor {singular} is not positive definite")
    lower, _ = spotri(factor, lower=True, overwrite_c=True)  # above the diagonal it stays clean
    inverse: Weights = np.add(lower, lower.T, order="C")  # by rows, as products with sparse histories read it
    inverse[np.diag_indices_from(inverse)] /= 2
    return inverse
