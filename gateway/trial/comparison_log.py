"""Comparisons on their way into the store: counted at once, written in batches, bounded. Knows no SQL, no model."""

import asyncio
from collections import Counter
from contextlib import suppress

import structlog

from gateway.domain.budget import Budget
from gateway.domain.comparison import Comparison, Loss, Outcome
from gateway.domain.errors import CrossrankError
from gateway.ports import ComparisonStore, TrialObserver

log = structlog.get_logger(__name__)

INTERVAL_S = 2.0
WRITE_S = 5.0
MOST_WAITING = 2000
"""Comparisons kept while the store is away; then the oldest are lost, and counted."""


class ComparisonLog:
    """Takes comparisons without waiting. Call ``close`` when no more come."""

    def __init__(self, store: ComparisonStore, observer: TrialObserver, interval_s: float = INTERVAL_S) -> None:
        self._store = store
        self._observer = observer
        self._interval_s = interval_s
        self._waiting: list[Comparison] = []
        self._losses: Counter[Loss] = Counter()
        self._closing = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None

    def compared(self, comparison: Comparison) -> None:
        """One request was compared."""
        self._observer.shadow_ended(Outcome.COMPARED)
        self._observer.shadow_compared(comparison)
        self._keep([comparison])

    def lost(self, loss: Loss) -> None:
        """One request was drawn and could not be compared."""
        self._observer.shadow_ended(loss.outcome)
        self._losses[loss] += 1
        self._keep([])

    async def close(self) -> None:
        """Writes what waits, once; what the store does not take is lost, and counted."""
        self._closing.set()
        if self._writer is not None:
            await self._writer
        self._observer.comparisons_lost(len(self._waiting))

    def _keep(self, comparisons: list[Comparison]) -> None:
        self._waiting += comparisons
        if surplus := self._waiting[:-MOST_WAITING]:
            del self._waiting[: len(surplus)]
            self._observer.comparisons_lost(len(surplus))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_until_nothing_waits())

    async def _write_until_nothing_waits(self) -> None:
        while self._waiting or self._losses:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._closing.wait()
            last = self._closing.is_set()
            await self._write()
            if last:
                return

    async def _write(self) -> None:
        comparisons, losses = self._waiting, self._losses
        self._waiting, self._losses = [], Counter()
        try:
            await self._store.record(comparisons, losses, Budget(WRITE_S))
        except CrossrankError as fault:
            log.warning("comparisons_not_stored", waiting=len(comparisons), fault=fault.message)
            self._losses += losses
            self._waiting = comparisons + self._waiting
