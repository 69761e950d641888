"""Items of training lists that are treated as if nobody had liked them yet, so that trees learn where such items
belong: a list that is served has some, a list made of the past has none. Knows no way of fitting."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from gateway.domain.history import History
from gateway.ranker.signals import NOTHING, ItemSignals
from training.first_stage.source import FittedSource
from training.first_stage.training_interactions import Scores
from training.lists.candidate_list import CandidateList
from training.lists.cold import with_cold
from training.protocol.dataset import UserCase
from training.ranker.table import ScoredList

COLD_SHARE = 0.1
"""Of the catalogue's items, other ones in every fold."""

CANDIDATES = 30
"""Such items of a list: enough of them were liked to tell where they belong."""

READS = "text_ann"
"""The source that proposes an item for its text alone."""

Places = npt.NDArray[np.intp]


def cold_items(item_ids: Sequence[str], fold: int, share: float = COLD_SHARE) -> frozenset[str]:
    """About ``share`` of the items, by their ids and the fold: the same ones on every machine."""
    return frozenset(item_id for item_id in item_ids if _draw(f"{fold}/{item_id}") < share)


def _draw(text: str) -> float:
    """From 0 to 1, evenly."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") / 2**64


@dataclass(frozen=True, slots=True)
class SilentSource:
    """A FittedSource that says nothing of the items at ``places``."""

    source: FittedSource
    places: Places

    @property
    def name(self) -> str:
        """The source's."""
        return self.source.name

    def score(self, histories: Sequence[History[int]]) -> Scores:
        """[histories, items]"""
        scores = np.array(self.source.score(histories))
        scores[:, self.places] = 0
        return scores


def silenced(sources: Sequence[FittedSource], places: Places) -> list[FittedSource]:
    """The sources as they would be if nobody had liked the items at ``places``: only the one that reads speaks of
    them."""
    return [source if source.name == READS else SilentSource(source, places) for source in sources]


def propose_cold(
    lists: Sequence[CandidateList],
    cases: Sequence[UserCase],
    sources: Sequence[FittedSource],
    item_ids: Sequence[str],
    cold: Collection[str],
) -> list[CandidateList]:
    """The lists of ``cases``, each with the items of ``cold`` behind it that the source that reads speaks for most.
    The blend leaves them hardly a place, however near they are."""
    if not cold:
        return list(lists)
    places = {item_id: place for place, item_id in enumerate(item_ids)}
    reader = next(source for source in sources if source.name == READS)
    scores = np.array(reader.score([case.history.map(places.__getitem__) for case in cases]))
    for row, case in enumerate(cases):
        scores[row, [places[item_id] for item_id in case.seen.union(case.history.oldest_first)]] = -np.inf
    chosen = sorted(cold, key=places.__getitem__)
    return with_cold(lists, scores[:, [places[item_id] for item_id in chosen]], chosen, READS, CANDIDATES)


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
