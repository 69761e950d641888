"""The leading dimensions of sparse matrices [items, items]: whole of small catalogues, by iteration of large ones.
Knows no item."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, eigsh, svds

Matrix = npt.NDArray[np.float64]

EXACT_ITEMS = 200
"""Up to here whole decompositions take no time; of 2,000 items they take a minute on a busy machine."""


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix [items, items] as ``left`` [items, rank] times ``right`` [rank, items]."""

    left: Matrix
    right: Matrix

    def rows(self, places: Sequence[int]) -> Matrix:
        """[places, items]: the whole rows at these places, multiplied out."""
        found: Matrix = self.left[list(places)] @ self.right
        return found

    def block(self, rows: Sequence[int], columns: Sequence[int]) -> Matrix:
        """[rows, columns]: the entries where these rows and columns cross, multiplied out."""
        found: Matrix = self.left[list(rows)] @ self.right[:, list(columns)]
        return found


def leading_eigenvectors(matrix: csr_array, count: int) -> tuple[Matrix, Matrix]:
    """Eigenvalues of a symmetric matrix, and eigenvectors as columns: all, or the ``count`` of largest magnitude."""
    if matrix.shape[0] <= EXACT_ITEMS:
        values, basis = np.linalg.eigh(matrix.toarray())
        return values, basis
    values, basis = eigsh(matrix, count, which="LM", v0=_start(matrix.shape[0]))
    return values, basis


def truncated_logarithm(matrix: csr_array, floor: float, rank: int) -> Product:
    """The logarithm of ``matrix + floor``, which has no zeros, in ``rank`` dimensions."""
    if not matrix.nnz:  # all alike: an iteration would not end
        shape = (matrix.shape[0], rank)
        first = np.zeros(shape)
        first[:, 0] = 1.0
        return Product(first * np.log(floor), first.T)
    if matrix.shape[0] <= EXACT_ITEMS:
        left, values, right = np.linalg.svd(np.log(matrix.toarray() + floor), full_matrices=False)
    else:
        left, values, right = svds(_logarithm(matrix, floor), rank, v0=_start(matrix.shape[0]))
        order = np.argsort(-values)
        left, values, right = left[:, order], values[order], right[order]
    return Product(left[:, :rank] * values[:rank], right[:rank])


def _logarithm(matrix: csr_array, floor: float) -> LinearOperator:
    """Of ``matrix + floor``, as what it does to vectors: the floor's own, and what the sparse entries have above it."""
    lowest = float(np.log(floor))
    above = matrix.copy()
    above.data = np.log(matrix.data + floor) - lowest
    return LinearOperator(
        matrix.shape,
        matvec=lambda vector: above @ vector + lowest * vector.sum(),
        rmatvec=lambda vector: above.T @ vector + lowest * vector.sum(),
        dtype=np.float64,
    )


def _start(count: int) -> Matrix:
    """Where an iteration begins: always the same, so that a run can be repeated."""
    return np.random.default_rng(0).standard_normal(count)
