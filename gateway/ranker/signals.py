"""What the index knows of an item beyond its text: how it relates to others. One code for training and serving. Knows
no store, no feature by name and no text."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

SPARSE = ("ease", "item_knn", "follows")
"""Relations that the index keeps for the strongest neighbours of an item only (gateway/catalog/relations.py)."""

SMOOTH = ("near", "next")
"""Relations that are products of one vector per item, so that every pair has one."""

TEXT = "text"

RELATIONS = (*SPARSE, *SMOOTH, TEXT)

Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]

KEYS = 100_000
"""Items whose keys are remembered: the same ones come again and again."""

_NO_KEYS: Keys = np.zeros(0, np.uint64)
_NO_WEIGHTS: Floats = np.zeros((0, len(SPARSE)), np.float32)


@lru_cache(KEYS)
def key_of(item_id: str) -> int:
    """An item's number in tables of neighbours: BLAKE2b-64 of its id. Of a million items two share one with a chance of
    3e-8."""
    return int.from_bytes(hashlib.blake2b(item_id.encode(), digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True, eq=False)
class ItemSignals:
    """Of one item; what is None or empty nobody knows.

    ``neighbors`` [n] keys, ascending, and ``weights`` [n, SPARSE]: what this item in a history says of each neighbour,
    0 where one relation has it and another has not. ``smooth`` [SMOOTH, 2, rank]: the item's vectors as one of a
    history and as a candidate; None for items that nobody liked. ``embedding`` [384]: of its text, a unit vector.
    ``made``: with which others it was made; smooth vectors of different times say nothing of each other.
    """

    neighbors: Keys = field(default_factory=lambda: _NO_KEYS)
    weights: Floats = field(default_factory=lambda: _NO_WEIGHTS)
    smooth: Floats | None = None
    embedding: Floats | None = None
    made: int = 0


NOTHING = ItemSignals()


def relate(
    candidates: Sequence[str], history: Sequence[str], signals: Mapping[str, ItemSignals]
) -> npt.NDArray[np.float64]:
    """[RELATIONS, candidates, history]: what each item of the history says of each candidate; NaN where nobody knows.

    A candidate that nobody liked has NaN in all relations but the text's: it is not far from the history, it is
    unknown. An item of the history that nobody liked says nothing either.
    """
    wanted = [signals.get(item_id, NOTHING) for item_id in candidates]
    given = [signals.get(item_id, NOTHING) for item_id in history]
    related = np.empty((len(RELATIONS), len(candidates), len(history)))
    related[: len(SPARSE)] = np.moveaxis(_weights(candidates, given), 2, 0)
    smooth = [one.smooth for one in wanted], [one.smooth for one in given]
    if parts := _stacked(*smooth):
        as_candidate, as_history = parts[0][:, :, 1].swapaxes(0, 1), parts[1][:, :, 0].swapaxes(0, 1)
        related[len(SPARSE) : -1] = as_candidate @ as_history.swapaxes(1, 2)
    texts = [one.embedding for one in wanted], [one.embedding for one in given]
    if parts := _stacked(*texts):
        related[-1] = parts[0] @ parts[1].T
    _forget(related[:-1], *smooth)
    _forget(related[-1:], *texts)
    return related


def _stacked(*sides: Sequence[Floats | None]) -> list[Floats] | None:
    """[vectors, ...] of each side, 0 where there is none; None where there are none at all."""
    some = next((one for side in sides for one in side if one is not None), None)
    if some is None:
        return None
    nothing = np.zeros_like(some)
    rows = [[nothing[:0], *(nothing if one is None else one for one in side)] for side in sides]
    return [np.concatenate(side).reshape(-1, *some.shape) for side in rows]


def _forget(related: npt.NDArray[np.float64], *sides: Sequence[Floats | None]) -> None:
    """Makes what is of a candidate or of an item of the history without a vector NaN."""
    candidates, history = ([place for place, one in enumerate(side) if one is None] for side in sides)
    related[:, candidates] = np.nan
    related[:, :, history] = np.nan


def _weights(candidates: Sequence[str], history: Sequence[ItemSignals]) -> Floats:
    """[candidates, history, SPARSE]"""
    found = np.zeros((len(candidates), len(history), len(SPARSE)), np.float32)
    if not candidates:
        return found
    keys = np.array([key_of(item_id) for item_id in candidates], np.uint64)
    order = np.argsort(keys)
    neighbors = np.concatenate([_NO_KEYS, *(one.neighbors for one in history)])
    weights = np.concatenate([_NO_WEIGHTS, *(one.weights for one in history)])
    columns = np.repeat(np.arange(len(history)), [len(one.neighbors) for one in history])
    rows = order[np.minimum(np.searchsorted(keys[order], neighbors), len(keys) - 1)]
    there = np.flatnonzero(keys[rows] == neighbors)
    found[rows[there], columns[there]] = weights[there]
    return found
