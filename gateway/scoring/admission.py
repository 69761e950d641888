"""Admission in tokens: as much model work as can be done in time, and to every caller its share of it. Refuses at once,
never queues."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gateway.domain.budget import Budget
from gateway.domain.errors import Overloaded
from gateway.domain.values import Priority
from gateway.scoring.fair_shares import FairShares, Share
from gateway.scoring.throughput import Throughput

LEAST_TOKENS = 1024
"""In flight at a time however slow the model is: one model request. A longer list is admitted when nothing else is."""

BUSY_TOKENS = 256
"""From so many in flight on the model counts as busy. At most a quarter of LEAST_TOKENS: then whoever refuses work also
measures, and a limit that a slow moment made small grows again."""

CROWDED = 1.5
"""Times the limit is what a caller may find in flight who asks for less than its share while others ask for more than
theirs: they fill the limit, and it would have no place."""


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """``max_tokens`` may be in flight, and no more than the model does in ``drained_in_s`` at the speed that was
    measured. Batch requests may fill ``batch_share`` of that."""

    max_tokens: int
    batch_share: float
    retry_after_s: float
    drained_in_s: float = 0.5


class Held:
    """Tokens that one request has in flight."""

    def __init__(self, admission: "Admission", tokens: int, caller: str) -> None:
        self._admission = admission
        self._caller = caller
        self.tokens = 0
        self.change(tokens)

    def change(self, tokens: int) -> None:
        """So many more, or fewer."""
        self.tokens += tokens
        self._admission.change(tokens)
        self._admission.shares.holds(self._caller, tokens)

    def scored(self, tokens: int) -> None:
        """So many of them are done: they make room for others, and tell how fast the model is."""
        self.change(-tokens)
        self._admission.throughput.scored(tokens)


class Admission:
    """Counts tokens in flight, and how fast they are done."""

    def __init__(self, limits: AdmissionLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self.in_flight = 0
        self.throughput = Throughput(clock)
        self.shares = FairShares(clock)

    def limit(self, priority: Priority = Priority.INTERACTIVE) -> int:
        """Tokens that may be in flight now when a request of that priority asks."""
        timely = self.throughput.tokens_per_s * self._limits.drained_in_s
        limit = min(self._limits.max_tokens, max(LEAST_TOKENS, timely))
        return int(limit * (self._limits.batch_share if priority is Priority.BATCH else 1.0))

    @contextmanager
    def admit(self, tokens: int, priority: Priority, budget: Budget, caller: str = "") -> Iterator[Held]:
        """Holds ``tokens`` while the work runs. An idle gateway admits any request.

        Raises Overloaded above the limit, above the caller's share of it where others have work, too, and where the
        work before it would take longer than the call has.
        """
        self.shares.asked(caller, tokens)
        if tokens and self.in_flight:
            share = self.shares.of(caller, self.throughput.tokens_per_s)
            limit = self.limit(priority)
            self._refuse_above(int(limit * CROWDED) if share.crowded else limit, priority, tokens)
            self._refuse_above_share(limit, share, tokens, caller)
            self._refuse_late(budget)
        held = Held(self, tokens, caller)
        try:
            yield held
        finally:
            held.change(-held.tokens)

    def change(self, tokens: int) -> None:
        """So many more, or fewer, are in flight from now on."""
        self.throughput.passed(busy=self.in_flight >= BUSY_TOKENS)
        self.in_flight += tokens

    def _refuse_above(self, limit: int, priority: Priority, tokens: int) -> None:
        if self.in_flight + tokens > limit:
            raise self._refusal(
                f"{self.in_flight} tokens are in flight and {tokens} more were asked for; at most {limit} for "
                f"{priority.name.lower()} requests"
            )

    def _refuse_above_share(self, limit: int, share: Share, tokens: int, caller: str) -> None:
        own, most = self.shares.in_flight(caller), int(limit * share.most)
        if own and own + tokens > most:
            raise self._refusal(
                f"{own} tokens of this caller are in flight and {tokens} more were asked for; its share beside others "
                f"is {most}"
            )

    def _refuse_late(self, budget: Budget) -> None:
        wait_s = self.in_flight / self.throughput.tokens_per_s if self.throughput.tokens_per_s else float("inf")
        if wait_s > budget.left_s:
            raise self._refusal(
                f"the {self.in_flight} tokens in flight take the model {wait_s:.2f} s and the call has "
                f"{budget.left_s:.2f} s: give it a longer deadline"
            )

    def _refusal(self, message: str) -> Overloaded:
        retry_after_s = self._limits.retry_after_s
        return Overloaded(f"{message}: retry after {retry_after_s:g} s", retry_after_s)
