"""What the index knows of an item beyond its text: how it relates to others. One code for training and serving. Knows
no store, no feature by name and no text."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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

_NO_KEYS: Keys = np.zeros(0, np.uint64)
_NO_WEIGHTS: Floats = np.zeros((0, len(SPARSE)), np.float32)


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
) -> Mapping[str, npt.NDArray[np.float64]]:
    """By relation [candidates, history]: what each item of the history says of each candidate; NaN where nobody knows.

    A candidate that nobody liked has NaN in all relations but the text's: it is not far from the history, it is
    unknown. An item of the history that nobody liked says nothing either.
    """
    wanted = [signals.get(item_id, NOTHING) for item_id in candidates]
    given = [signals.get(item_id, NOTHING) for item_id in history]
    rows, columns = _known([one.smooth for one in wanted]), _known([one.smooth for one in given])
    liked = np.ix_(rows, columns)
    found = {name: np.full((len(wanted), len(given)), np.nan) for name in RELATIONS}
    if len(rows) and len(columns):
        sparse = _sparse([candidates[row] for row in rows], [given[column] for column in columns])
        for place, name in enumerate(SPARSE):
            found[name][liked] = sparse[:, :, place]
        as_candidate, as_history = (
            np.stack([one.smooth[:, side] for one in side_of if one.smooth is not None], axis=1)
            for side, side_of in ((1, wanted), (0, given))
        )
        for place, name in enumerate(SMOOTH):
            found[name][liked] = as_candidate[place] @ as_history[place].T
    read = np.ix_(_known([one.embedding for one in wanted]), _known([one.embedding for one in given]))
    texts, recent = ([one.embedding for one in side if one.embedding is not None] for side in (wanted, given))
    if texts and recent:
        found[TEXT][read] = np.stack(texts) @ np.stack(recent).T
    return found


def _known(values: Sequence[Floats | None]) -> npt.NDArray[np.intp]:
    return np.array([place for place, value in enumerate(values) if value is not None], np.intp)


def _sparse(candidates: Sequence[str], history: Sequence[ItemSignals]) -> Floats:
    """[candidates, history, SPARSE]"""
    keys = np.array([key_of(item_id) for item_id in candidates], np.uint64)
    found = np.zeros((len(candidates), len(history), len(SPARSE)), np.float32)
    for column, one in enumerate(history):
        if len(one.neighbors):
            places = np.minimum(np.searchsorted(one.neighbors, keys), len(one.neighbors) - 1)
            rows = np.flatnonzero(one.neighbors[places] == keys)
            found[rows, column] = one.weights[places[rows]]
    return found
