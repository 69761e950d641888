"""How much an item speaks for another: a linear autoencoder without self-weights, in closed form, for the index and for
training's first stage. Knows no database."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float32]
Inverse = Callable[[Weights], Weights]
"""Of a symmetric positive definite matrix, which it may overwrite; [n, n] in and out."""

SMALLEST = 1e-6
"""What lies below is the rounding of a weight of 0."""


def item_weights(histories: Iterable[npt.NDArray[np.intp]], items: int, ridge: float) -> Weights:
    """[items, items]: EASE of ``histories``: of each user the places, below ``items``, of the items that the user
    liked, each once. Takes 36 bytes a pair of items in all, for numpy inverts in double precision. Raises as ease, and
    IndexError for a place beyond the items."""
    gram = np.zeros((items, items), np.float32)
    for places in histories:
        gram[places[:, None], places] += 1
    return ease(gram, ridge)


def ease(gram: Weights, ridge: float, inverse: Inverse = np.linalg.inv) -> Weights:
    """EASE (Steck, WWW 2019, equation 8): the ridge regression of each item on all others, of all items at once.

    ``gram`` [items, items], which is overwritten: how many users liked both items, on the diagonal the one. Returns
    [items, items]: what an item of a history (row) adds to the score of another (column), 0 on the diagonal; a user's
    scores are the sum of the rows of the history. With P = (gram + ridge · I)⁻¹, W[i, j] = -P[i, j] / P[j, j]. Two
    users who liked items 0 and 1, with a ridge of 2: gram + 2 · I = [[4, 2], [2, 4]], and W = [[0, ½], [½, 0]].

    Time grows with the cube of the items. ``inverse``: training/first_stage/neighborhood.py has one of scipy, faster
    and in single precision, which serving does without. Raises numpy.linalg.LinAlgError where there is none, as for a
    ridge of 0 and two items that the same users liked.
    """
    diagonal = np.arange(len(gram))
    gram[diagonal, diagonal] += ridge
    weights = inverse(gram)
    weights /= -np.diag(weights).copy()
    weights[diagonal, diagonal] = 0
    return weights


def strongest(weights: Weights, count: int) -> Iterator[tuple[int, int, float]]:
    """(item, other item, weight): of each item the ``count`` highest weights above 0, equal ones by place; items and
    others in order of their places."""
    for place, row in enumerate(weights):
        found = np.flatnonzero(row > SMALLEST)
        kept = np.sort(found[np.argsort(-row[found], kind="stable")[:count]])
        yield from ((place, int(other), float(row[other])) for other in kept)
