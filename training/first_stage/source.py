"""What a first stage is: fitted once, then scores the whole catalogue for many histories. Knows no implementation."""

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.history import History
from training.first_stage.training_interactions import Scores


class FittedSource(Protocol):
    """A first stage."""

    @property
    def name(self) -> str:
        """The row's in reports and the hit's in features."""
        ...

    def score(self, histories: Sequence[History[int]]) -> Scores:
        """[histories, items] after histories of item places: higher is better, 0 says nothing, -infinity
        never proposes."""
        ...
