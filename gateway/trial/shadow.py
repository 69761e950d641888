"""Shadow scoring: a share of the answered lists is ranked once more by the challenger, when the answer is out. Nobody
waits for it, nothing it does reaches a caller; what it cannot do in time is dropped and counted."""

import asyncio
from dataclasses import dataclass
from functools import partial

import structlog

from gateway.domain.budget import Budget, Call
from gateway.domain.comparison import Comparison, Loss, Outcome
from gateway.domain.errors import CrossrankError, DeadlineTooShort, DependencyUnavailable, ModelOverloaded, Overloaded
from gateway.domain.order import OrderedBy
from gateway.ranking.request import ListDraft, Request
from gateway.trial.agreement import agreement
from gateway.trial.challenger import Challenger
from gateway.trial.comparison_log import ComparisonLog
from gateway.trial.traffic_split import TrafficSplit

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ShadowLimits:
    """``running`` lists are ranked at a time, ``waiting`` more may wait; each has ``deadline_s`` once it runs."""

    running: int
    waiting: int
    deadline_s: float


class Shadow:
    """Watches the champion's pipeline. Call ``drain`` at the end.

    Give the challenger's pipeline a cache of its own that keeps nothing: it would push the champion's scores out.
    """

    def __init__(
        self, challenger: Challenger, draw: TrafficSplit, comparisons: ComparisonLog, limits: ShadowLimits
    ) -> None:
        self._challenger = challenger
        self._draw = draw
        self._comparisons = comparisons
        self._limits = limits
        self._slots = asyncio.Semaphore(limits.running)
        self._tasks: set[asyncio.Task[None]] = set()

    def list_ranked(self, request: Request, draft: ListDraft) -> None:
        """The champion ranked a list; draft holds all of it. Returns at once."""
        if not self._draw.takes(request.context, request.call):
            return
        if outcome := self._known_at_once(request, draft):
            self._lose(request, outcome)
            return
        task = asyncio.create_task(self._compare(request, draft))
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, request))

    async def drain(self) -> None:
        """Waits for what runs, as long as one list may take; gives up the rest."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=self._limits.deadline_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _known_at_once(self, request: Request, draft: ListDraft) -> Outcome | None:
        if self._challenger.pipeline.would_order(request) == request.orderer:
            return Outcome.SAME
        if draft.ranked_by != request.meant_by:
            return Outcome.UNSCORED
        if not self._challenger.ready():
            return Outcome.UNAVAILABLE
        busy = len(self._tasks) >= self._limits.running + self._limits.waiting
        return Outcome.BUSY if busy else None

    async def _compare(self, request: Request, draft: ListDraft) -> None:
        async with self._slots:
            call = Call(f"{request.call.request_id}.shadow", Budget(self._limits.deadline_s))
            try:
                again, drafted = await self._challenger.pipeline.rank_again(request, draft, call)
            except CrossrankError as fault:
                self._lose(request, _outcome_of(fault))
                return
            found = await asyncio.to_thread(agreement, draft, drafted)
        if found is None or drafted.ranked_by != again.meant_by:
            self._lose(request, Outcome.UNSCORED)
            return
        seconds = None if _was_helped(draft) else _seconds(request, draft)
        self._comparisons.compared(
            Comparison(request.orderer, self._challenger.orderer(), found, seconds, _seconds(again, drafted))
        )

    def _ended(self, request: Request, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            self._lose(request, Outcome.STOPPED)
        elif fault := task.exception():
            log.error("shadow_failed", exc_info=fault)
            self._lose(request, Outcome.FAILED)

    def _lose(self, request: Request, outcome: Outcome) -> None:
        self._comparisons.lost(Loss(request.orderer, self._challenger.orderer(), outcome))


def _seconds(request: Request, draft: ListDraft) -> float:
    """Of what made the order: logits that only stand beside it do not count."""
    stages = ("score", "rank") if draft.ranked_by.by is OrderedBy.READER else ("rank",)
    took = dict(request.clock.times)
    return sum(took[stage] for stage in stages)


def _was_helped(draft: ListDraft) -> bool:
    return draft.sides is not None and bool(draft.sides.cached or draft.sides.outcome.coalesced)


def _outcome_of(fault: CrossrankError) -> Outcome:
    if isinstance(fault, Overloaded | ModelOverloaded):
        return Outcome.BUSY
    if isinstance(fault, DeadlineTooShort):
        return Outcome.DEADLINE
    return Outcome.UNAVAILABLE if isinstance(fault, DependencyUnavailable) else Outcome.FAILED
