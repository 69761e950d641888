"""Tokens per second that the model scores while it has enough to do. Knows no request and no limit."""

import math
from collections.abc import Callable

MEMORY_S = 2.0
"""Of busy time: what the model did that long ago counts a third of what it does now."""


class Throughput:
    """Tokens by busy seconds, older ones counting less. Idle time counts for nothing: it says what was asked of the
    model, not what it can do."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen_at = clock()
        self._tokens = 0.0
        self._busy_s = 0.0
        self._was_busy = False
        self._measured = False

    @property
    def tokens_per_s(self) -> float:
        """Infinite until something was scored in a busy time."""
        return self._tokens / self._busy_s if self._measured else math.inf

    def passed(self, *, busy: bool) -> None:
        """The time since the last call of this was busy, or was not."""
        now = self._clock()
        if busy:
            kept = math.exp((self._seen_at - now) / MEMORY_S)
            self._tokens *= kept
            self._busy_s = self._busy_s * kept + MEMORY_S * (1 - kept)
        self._seen_at, self._was_busy = now, busy

    def scored(self, tokens: int) -> None:
        """The model gave the logits of so many tokens now, at the end of the time that passed last."""
        if self._was_busy and self._busy_s > 0:
            self._tokens += tokens
            self._measured |= tokens > 0
