"""Implicit ALS (Hu, Koren, Volinsky, ICDM 2008) through the implicit library. Knows no text."""

from collections.abc import Sequence

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from gateway.domain.history import History
from training.first_stage.training_interactions import Scores, TrainingInteractions, weights_of


class Als:
    """A FittedSource; a user's factors are computed from the history alone, as for a new user."""

    name = "als"

    def __init__(self, known: TrainingInteractions, *, factors: int, alpha: float, iterations: int, seed: int) -> None:
        self._items = known.items
        with threadpool_limits(1, "blas"):
            self._model = AlternatingLeastSquares(
                factors=factors, alpha=alpha, iterations=iterations, random_state=seed, num_threads=1
            )
            self._model.fit(known.matrix(), show_progress=False)

    def score(self, histories: Sequence[History[int]]) -> Scores:
        """[histories, items]"""
        liked = weights_of(histories, self._items)
        with threadpool_limits(1, "blas"):
            users = self._model.recalculate_user(np.arange(len(histories)), liked)
        return np.asarray(users @ self._model.item_factors.T, dtype=np.float32)
