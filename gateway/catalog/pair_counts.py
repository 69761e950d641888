"""How often two items were liked by the same user, or one soon after the other: counted once for the sources of a fold
and for the statistics of distillation, which weigh and damp them differently. Knows no source.

Counts are sparse [items, items]: most pairs of a large catalogue never met.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, csr_matrix

from gateway.domain.history import History

Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]


def liked_together(liked: csr_matrix) -> csr_array:
    """Users who liked both items, 0 for an item with itself; ``liked`` [users, items], 1 where a user liked one."""
    found = (liked.T @ liked).tocoo()
    other = found.row != found.col
    return csr_array((found.data[other], (found.row[other], found.col[other])), shape=found.shape)


def liked_after(histories: Sequence[History[int]], items: int, weights: Floats) -> csr_array:
    """How often the item of a column was liked after that of a row, one that is ``d`` positives later counting
    ``weights[d - 1]``, later ones nothing. Histories of item places, each item once."""
    before: list[int] = []
    after: list[int] = []
    counted: list[float] = []
    for history in histories:
        places = history.oldest_first
        for distance, weight in enumerate(weights.tolist(), start=1):
            before += places[:-distance]
            after += places[distance:]
            counted += [weight] * max(0, len(places) - distance)
    return csr_array((np.array(counted, weights.dtype), (before, after)), shape=(items, items))


def damped_cosine(counts: csr_array, of_row: Floats, of_column: Floats, shrink: float) -> csr_array:
    """Counts over the geometric mean of the two items' own (``of_row``, ``of_column`` [items]) plus ``shrink``, which
    damps what few users told. Of liked_together and the items' popularity: the cosine of item kNN (Deshpande and
    Karypis, TOIS 2004)."""
    found = counts.tocoo()
    rows, columns = found.coords
    values = found.data / (np.sqrt(of_row[rows] * of_column[columns]) + shrink)
    return csr_array((values, (rows, columns)), shape=counts.shape)
