"""The first stage that knows no user: how many liked an item."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.domain.history import History
from training.first_stage.training_interactions import Scores


@dataclass(frozen=True, slots=True)
class Popularity:
    """A FittedSource; ``users`` [items]."""

    users: Scores
    name: str = "popular"

    def score(self, histories: Sequence[History[int]]) -> Scores:
        """[histories, items]"""
        return np.tile(self.users, (len(histories), 1))
