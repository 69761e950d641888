"""How often and how soon a part that died may be started again. Must not know what it is."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

# The first restarts are immediate, so that single crashes are healed within seconds.
_DELAYS_S = (0.0, 0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0)
_WINDOW_S = 120.0


@dataclass(slots=True)
class RestartBudget:
    """At most eight restarts within two minutes, with growing delays; then none."""

    clock: Callable[[], float] = time.monotonic
    _moments: deque[float] = field(default_factory=deque)

    def next_delay_s(self) -> float | None:
        """Seconds to wait before the next restart, which is counted; None when the budget is used up."""
        now = self.clock()
        while self._moments and now - self._moments[0] > _WINDOW_S:
            self._moments.popleft()
        if len(self._moments) == len(_DELAYS_S):
            return None
        self._moments.append(now)
        return _DELAYS_S[len(self._moments) - 1]
