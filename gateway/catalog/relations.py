"""How the items of a catalogue relate to each other, by what users liked together and after each other: what sources
propose and what the ranker weighs. Knows no database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, csr_matrix

from gateway.catalog.ease import ease
from gateway.catalog.low_rank import Product, truncated_logarithm
from gateway.catalog.pair_counts import damped_cosine, liked_after, liked_together
from gateway.domain.history import History
from gateway.ranker.signals import SMOOTH, SPARSE, ItemSignals, key_of

FOLLOWING_WEIGHTS = 1 / np.arange(1, 6, dtype=np.float32)
"""What an item counts that was liked 1, 2, … positives later; beyond these it does not follow."""

NEAR_FLOOR = 0.01
NEXT_FLOOR = 0.005
"""Added before the logarithm to the damped counts of a pair, so that strangers have a logarithm too."""

NEXT_WINDOW = 3
"""Positives after an item that count as next to it, all alike."""

SMALLEST = 1e-6
"""What lies below is the rounding of a weight of 0."""

Counts = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RelationSettings:
    """``ridge`` of EASE, which is made for the ``ease_items`` that most users liked: its time grows with the cube of
    them, its memory with the square (10,000 need 1.2 GB). ``neighbors``: how many an item keeps in each relation.
    ``shrink``: pairs of few users count less. ``rank``: dimensions of the smooth relations. ``user_items``: so many of
    what a user liked relate, the newest: the work of one user grows with the square of them."""

    ridge: float = 300.0
    ease_items: int = 10_000
    neighbors: int = 200
    shrink: float = 10.0
    follows_shrink: float = 2.0
    rank: int = 32
    user_items: int = 500


@dataclass(frozen=True, slots=True)
class ItemRelations:
    """``users`` [items]: how many liked each, however long ago. ``sparse``: by relation of SPARSE, [items, items], an
    item of a history in the row. ``smooth``: by relation of SMOOTH, the same as a product."""

    users: Counts
    sparse: Mapping[str, csr_array]
    smooth: Mapping[str, Product]

    def signals(self, item_ids: Sequence[str], embeddings: Mapping[str, Counts]) -> dict[str, ItemSignals]:
        """Of every item that anybody liked, or that has a text; ids in the order of the axes."""
        keys = np.array([key_of(item_id) for item_id in item_ids], np.uint64)
        smooth = np.stack([np.stack([self.smooth[name].left, self.smooth[name].right.T]) for name in SMOOTH])
        smooth = smooth.astype(np.float32)
        found = {}
        for place, item_id in enumerate(item_ids):
            known = self.users[place] > 0
            neighbors, weights = self._neighbors(place, keys)
            found[item_id] = ItemSignals(
                neighbors, weights, smooth[:, :, place] if known else None, embeddings.get(item_id)
            )
        return found

    def _neighbors(self, place: int, keys: npt.NDArray[np.uint64]) -> tuple[npt.NDArray[np.uint64], Counts]:
        rows = [self.sparse[name] for name in SPARSE]
        spans = [slice(row.indptr[place], row.indptr[place + 1]) for row in rows]
        others = np.unique(np.concatenate([row.indices[span] for row, span in zip(rows, spans, strict=True)]))
        weights = np.zeros((len(others), len(SPARSE)), np.float32)
        for column, (row, span) in enumerate(zip(rows, spans, strict=True)):
            weights[np.searchsorted(others, row.indices[span]), column] = row.data[span]
        order = np.argsort(keys[others])
        return keys[others][order], weights[order]


def relate_items(
    histories: Sequence[History[int]], items: int, settings: RelationSettings = RelationSettings()
) -> ItemRelations:
    """Of the users' ``histories`` of item places below ``items``, each item once in a history."""
    popular = _users(_liked(histories, items))
    histories = [one.newest(settings.user_items) for one in histories]
    liked = _liked(histories, items)
    users = _users(liked)
    together = liked_together(liked)
    soon = liked_after(histories, items, FOLLOWING_WEIGHTS)
    next_ = liked_after(histories, items, np.ones(NEXT_WINDOW, np.float32))
    sparse = {
        "ease": _ease(liked, users, settings),
        "item_knn": damped_cosine(together, users, users, settings.shrink),
        "follows": damped_cosine(soon, soon.sum(axis=1) + 1, soon.sum(axis=0) + 1, settings.follows_shrink),
    }
    return ItemRelations(
        popular,
        {name: strongest(matrix, settings.neighbors) for name, matrix in sparse.items()},
        {
            "near": _smooth(sparse["item_knn"], NEAR_FLOOR, users, settings.rank),
            "next": _smooth(
                damped_cosine(next_, next_.sum(axis=1) + 1, next_.sum(axis=0) + 1, 1), NEXT_FLOOR, users, settings.rank
            ),
        },
    )


def _smooth(matrix: csr_array, floor: float, users: Counts, rank: int) -> Product:
    """Of the items that somebody liked, whatever else a catalogue holds; always ``rank`` dimensions."""
    liked = np.flatnonzero(users > 0)
    left, right = np.zeros((len(users), rank)), np.zeros((rank, len(users)))
    if len(liked):
        found = truncated_logarithm(csr_array(matrix[liked][:, liked]), floor, rank)
        left[liked, : found.left.shape[1]] = found.left
        right[: found.right.shape[0], liked] = found.right
    return Product(left, right)


def _liked(histories: Sequence[History[int]], items: int) -> csr_matrix:
    """[users, items]"""
    places = np.concatenate([*(np.array(one.oldest_first, np.intp) for one in histories), np.zeros(0, np.intp)])
    ends = np.concatenate([[0], np.cumsum([len(one) for one in histories])])
    return csr_matrix((np.ones(len(places), np.float32), places, ends), shape=(len(histories), items))


def _users(liked: csr_matrix) -> Counts:
    return np.asarray(liked.sum(axis=0), np.float32).ravel()


def _ease(liked: csr_matrix, users: Counts, settings: RelationSettings) -> csr_array:
    chosen = np.sort(np.argsort(-users, kind="stable")[: settings.ease_items])
    chosen = chosen[users[chosen] > 0]
    some = liked[:, chosen]
    weights = ease(np.asarray((some.T @ some).todense(), dtype=np.float32), settings.ridge)
    rows, columns, data = [], [], []
    for place, row in enumerate(weights):
        kept = _best(row, np.flatnonzero(row > SMALLEST), settings.neighbors)
        rows.append(np.full(len(kept), chosen[place]))
        columns.append(chosen[kept])
        data.append(row[kept])
    shape = (len(users), len(users))
    if not rows:
        return csr_array(shape, dtype=np.float32)
    return csr_array((np.concatenate(data), (np.concatenate(rows), np.concatenate(columns))), shape=shape)


def strongest(matrix: csr_array, count: int) -> csr_array:
    """The ``count`` largest entries of each row, equal ones by place."""
    kept = matrix.copy()
    kept.sort_indices()
    for start, stop in zip(kept.indptr[:-1], kept.indptr[1:], strict=True):
        row = kept.data[start:stop]
        if stop - start > count:
            row[np.argsort(-row, kind="stable")[count:]] = 0
    kept.eliminate_zeros()
    return csr_array(kept.astype(np.float32))


def _best(row: Counts, found: npt.NDArray[np.intp], count: int) -> npt.NDArray[np.intp]:
    return np.sort(found[np.argsort(-row[found], kind="stable")[:count]])
