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
        scores = np.zeros((len(histories), len(self.vectors)), np.float32)
        for row, history in enumerate(histories):
            near = self.vectors[list(history.newest(self.recent).newest_first)] @ self.vectors.T
            if len(near):
                scores[row] = near.max(axis=0) if self.pool == "max" else near.mean(axis=0)
        return scores
