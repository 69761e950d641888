"""The first stage that reads: the cosine between texts' vectors. Knows no user but the history's items."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.domain.history import History
from training.first_stage.training_interactions import Scores


@dataclass(frozen=True, slots=True)
class Cosine:
    """A FittedSource: the largest (``pool`` "max") or mean cosine between an item and the ``recent`` history items."""

    name: str
    vectors: Scores
    recent: int
    pool: str = "max"

    def score(self, histories: Sequence[History[int]]) -> Scores:
        """[histories, items]"""
        recent = [list(history.newest(self.recent).newest_first) for history in histories]
        if self.pool == "mean":  # the mean of cosines is the cosine of the mean, times its length
            means = [self.vectors[places].sum(axis=0) / max(len(places), 1) for places in recent]
            return np.asarray(np.reshape(means, (-1, self.vectors.shape[1])) @ self.vectors.T, np.float32)
        scores = np.zeros((len(histories), len(self.vectors)), np.float32)
        for row, places in enumerate(recent):
            if places:
                scores[row] = (self.vectors[places] @ self.vectors.T).max(axis=0)
        return scores
