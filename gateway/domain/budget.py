"""The deadline of one request as an object: what is left, what a stage may spend. Knows the monotonic clock only."""

import time
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]


class Budget:
    """Seconds left until a moment on the monotonic clock. Slices never outlive the budget they were cut from."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._ends_at = clock() + seconds

    @property
    def left_s(self) -> float:
        """Seconds left; 0 when the deadline has passed."""
        return max(0.0, self._ends_at - self._clock())

    @property
    def spent(self) -> bool:
        """The deadline has passed."""
        return self.left_s <= 0.0

    def slice(self, share: float, at_most_s: float | None = None) -> "Budget":
        """A budget of ``share`` (0 to 1) of what is left, cut to ``at_most_s``."""
        seconds = self.left_s * share
        return Budget(seconds if at_most_s is None else min(seconds, at_most_s), self._clock)

    def reserve(self, seconds: float) -> "Budget":
        """A budget that ends ``seconds`` earlier, so that the caller has time left to answer."""
        return Budget(max(0.0, self.left_s - seconds), self._clock)


@dataclass(frozen=True, slots=True)
class Call:
    """What every part may know of the call being served: the id to name it by, the time it has, and who calls."""

    request_id: str
    budget: Budget
    caller: str = ""
    """A name of the identities file; empty where nobody is asked who calls."""
