"""How much an item speaks for another: a linear autoencoder without self-weights, in closed form. Knows no database."""

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

Weights = npt.NDArray[np.float32]

SMALLEST = 1e-6
"""What lies below is the rounding of a weight of 0."""


def item_weights(histories: Iterable[npt.NDArray[np.intp]], items: int, ridge: float) -> Weights:
    """[items, items]: what an item of a history (row) adds to the score of another (column). ``histories``: the places
    of each user's items, each once. EASE (Steck, WWW 2019, equation 8): 36 bytes a pair of items in memory, for numpy
    inverts in double precision, and a time that grows with the cube of ``items``."""
    gram = np.zeros((items, items), np.float32)
    for places in histories:
        gram[places[:, None], places] += 1
    diagonal = np.arange(items)
    gram[diagonal, diagonal] += ridge
    weights: Weights = np.linalg.inv(gram)
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
