"""Admission in tokens: how much model work may be in flight. Refuses at once, never queues."""

from collections.abc import Iterator
from contextlib import contextmanager

from gateway.domain.errors import Overloaded
from gateway.domain.values import Priority


class Admission:
    """Counts tokens in flight. Batch requests may fill only ``batch_share`` of ``max_tokens``."""

    def __init__(self, max_tokens: int, batch_share: float, retry_after_s: float) -> None:
        self._limits = {Priority.INTERACTIVE: max_tokens, Priority.BATCH: int(max_tokens * batch_share)}
        self._retry_after_s = retry_after_s
        self.in_flight = 0

    def check(self, priority: Priority) -> None:
        """Refuses a request that could not be admitted anyway, before any work is done. Raises Overloaded."""
        self._refuse_above(self._limits[priority] - 1, priority, 1)

    @contextmanager
    def admit(self, tokens: int, priority: Priority) -> Iterator[None]:
        """Holds ``tokens`` while the work runs. An idle gateway admits any request. Raises Overloaded."""
        if self.in_flight:
            self._refuse_above(self._limits[priority] - tokens, priority, tokens)
        self.in_flight += tokens
        try:
            yield
        finally:
            self.in_flight -= tokens

    def _refuse_above(self, limit: int, priority: Priority, tokens: int) -> None:
        if self.in_flight > limit:
            raise Overloaded(
                f"{self.in_flight} tokens are in flight and {tokens} more were asked for; at most "
                f"{self._limits[priority]} for {priority.name.lower()} requests: retry after {self._retry_after_s:g} s",
                self._retry_after_s,
            )
