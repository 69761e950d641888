"""What the first stages of a fold are fitted on, as numbers instead of names. Knows no source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from gateway.domain.history import History
from training.protocol.dataset import Dataset

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class TrainingInteractions:
    """``histories``: every user's known positives as item places; ``fields``: the items' texts by
    place."""

    users: tuple[str, ...]
    histories: tuple[History[int], ...]
    fields: tuple[Mapping[str, str], ...]

    @property
    def items(self) -> int:
        """Size of the catalogue."""
        return len(self.fields)

    def matrix(self) -> csr_matrix:
        """[users, items]: 1 where the user liked the item."""
        return weights_of(self.histories, self.items)

    def popularity(self) -> Scores:
        """[items]: how many users liked each."""
        places = np.concatenate([*(np.array(one.oldest_first, int) for one in self.histories), np.zeros(0, int)])
        return np.bincount(places, minlength=self.items).astype(np.float32)


def known_in(dataset: Dataset, fold: int) -> TrainingInteractions:
    """Of all users, what lists of ``fold`` may know."""
    places = {item.item_id: place for place, item in enumerate(dataset.items)}
    known = {user_id: dataset.known_positives(user_id, fold) for user_id in dataset.users}
    histories = {
        user_id: History(oldest_first=tuple(items)).map(places.__getitem__) for user_id, items in known.items() if items
    }
    return TrainingInteractions(
        tuple(histories), tuple(histories.values()), tuple(item.fields for item in dataset.items)
    )


def weights_of(histories: Sequence[History[int]], items: int, *, decay: float = 1.0, recent: int = 0) -> csr_matrix:
    """[histories, items]: ``decay ** age`` of each item of a history, the newest of age 0; of ``recent``
    items only (0: all)."""
    newest_first = [one.newest(recent or len(one)).newest_first for one in histories]
    ages = [np.arange(len(one)) for one in newest_first]
    lengths = [len(one) for one in newest_first]
    return csr_matrix(
        (
            (decay ** np.concatenate([*ages, np.zeros(0, int)])).astype(np.float32),
            np.concatenate([*(np.array(one, int) for one in newest_first), np.zeros(0, int)]),
            np.concatenate([[0], np.cumsum(lengths)]),
        ),
        shape=(len(histories), items),
    )
