"""What is whose when more is asked for than the model does: every caller gets the same, or what it asks for where that
is less (max-min fairness; Bertsekas and Gallager, Data Networks, 6.5.2). Knows no limit and refuses nobody."""

import math
from collections.abc import Callable
from dataclasses import dataclass

MEMORY_S = 10.0
"""What a caller asked for that long ago counts a third of what it asks for now. Long enough to tell one large list from
many."""

_FORGOTTEN = 1.0
"""Tokens a second below which a caller without work in flight is not remembered."""


@dataclass(slots=True)
class _Use:
    """Of one caller: tokens that it asked for, older ones counting less, and those it has in flight."""

    asked: float = 0.0
    seen_at: float = 0.0
    in_flight: int = 0

    def rate(self, now: float) -> float:
        """Tokens a second that it asks for."""
        return self.asked * math.exp((self.seen_at - now) / MEMORY_S) / MEMORY_S


@dataclass(frozen=True, slots=True)
class Share:
    """``most``: share of the limit that the caller may hold; 1 where it asks for no more than its own.
    ``crowded``: others ask for more than theirs, and this one does not."""

    most: float = 1.0
    crowded: bool = False


class FairShares:
    """Counts by caller. All calls without a name are one caller's."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._uses: dict[str, _Use] = {}

    def asked(self, caller: str, tokens: int) -> None:
        """So many, whether or not they are admitted."""
        now = self._clock()
        use = self._uses.setdefault(caller, _Use())
        use.asked, use.seen_at = use.rate(now) * MEMORY_S + tokens, now

    def holds(self, caller: str, tokens: int) -> None:
        """So many more, or fewer, are in flight."""
        self._uses.setdefault(caller, _Use()).in_flight += tokens

    def in_flight(self, caller: str) -> int:
        """Its tokens."""
        use = self._uses.get(caller)
        return use.in_flight if use else 0

    def of(self, caller: str, tokens_per_s: float) -> Share:
        """Of one who asks now, of a model that does so many."""
        now = self._clock()
        rates = {name: use.rate(now) for name, use in self._uses.items()}
        for name in [name for name, rate in rates.items() if rate < _FORGOTTEN and not self._uses[name].in_flight]:
            del self._uses[name], rates[name]
        level = _level(list(rates.values()), tokens_per_s)
        if rates.get(caller, 0.0) > level:
            return Share(most=level / tokens_per_s if level else 0.0)
        return Share(crowded=any(rate > level for rate in rates.values()))


def _level(rates: list[float], tokens_per_s: float) -> float:
    """What nobody may exceed, so that all who stay below have what they ask for; infinite where there is enough."""
    left = tokens_per_s
    for number, rate in enumerate(sorted(rates)):
        level = left / (len(rates) - number)
        if rate > level:
            return level
        left -= rate
    return math.inf
