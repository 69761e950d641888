"""Items of training lists that are treated as if nobody had liked them yet, so that trees learn where such items
belong: a list that is served has some, a list made of the past has none. Knows no way of fitting."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, diags_array

from gateway.catalog.relations import ItemRelations
from gateway.ranker.signals import NOTHING, ItemSignals
from training.ranker.table import ScoredList

Places = npt.NDArray[np.intp]

COLD_SHARE = 0.1
"""Of the catalogue's items, other ones in every fold."""

COLD_EVERY = 2
"""One list of so many has such items: fitted on them alone, trees were worse where all items are known."""


def cold_items(item_ids: Sequence[str], fold: int, share: float = COLD_SHARE) -> frozenset[str]:
    """About ``share`` of the items, by their ids and the fold: the same ones on every machine."""
    return frozenset(item_id for item_id in item_ids if _draw(f"{fold}/{item_id}") < share)


def _draw(text: str) -> float:
    """From 0 to 1, evenly."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") / 2**64


def forgotten(relations: ItemRelations, places: Places) -> ItemRelations:
    """The relations as they would be if nobody had liked the items at ``places``: nothing speaks for them. What they
    say themselves, in a history, stays."""
    users = relations.users.copy()
    users[places] = 0
    kept = diags_array(np.where(np.isin(np.arange(len(users)), places), np.float32(0), np.float32(1)), format="csr")
    sparse = {name: csr_array(matrix @ kept) for name, matrix in relations.sparse.items()}
    for matrix in sparse.values():
        matrix.eliminate_zeros()
    return replace(relations, users=users, sparse=sparse)


def as_cold(one: ScoredList, cold: Collection[str]) -> ScoredList:
    """The list with candidates of ``cold`` known by their texts alone. The history keeps what is known of it."""
    given = one.given
    candidates = [candidate.item_id for candidate in given.candidates if candidate.item_id in cold]
    if not candidates:
        return one
    signals = _of(given.signals, one)
    for item_id in candidates:
        signals[item_id] = ItemSignals(embedding=signals.get(item_id, NOTHING).embedding)
    known = {candidate.item_id: given.popularity.get(candidate.item_id, 0.0) for candidate in given.candidates}
    popularity = known | dict.fromkeys(candidates, 0.0)
    return replace(one, given=replace(given, signals=signals, popularity=popularity))


def _of(signals: Mapping[str, ItemSignals], one: ScoredList) -> dict[str, ItemSignals]:
    """Of the items that the list names."""
    named = [candidate.item_id for candidate in one.given.candidates] + [event.item_id for event in one.given.history]
    return {item_id: signals[item_id] for item_id in named if item_id in signals}
