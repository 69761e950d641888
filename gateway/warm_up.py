"""Fills a cold score cache: when a gateway starts and whenever another model version serves, the lists of the users
seen last are ranked ahead of their calls, as batch work, one at a time. Nothing of it is logged or counted."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import structlog

from gateway.domain.background import in_background
from gateway.domain.budget import Budget, Call
from gateway.domain.errors import CrossrankError
from gateway.domain.values import (
    CandidateOptions,
    Context,
    Impression,
    Interaction,
    ModelIdentity,
    Priority,
    RankedList,
    RankingOptions,
)
from gateway.pipeline import Parts, Pipeline
from gateway.ports import HistoryStore

log = structlog.get_logger(__name__)

INTERVAL_S = 1.0
"""How often the served version is looked at, and how long a refused list waits."""
READ_S = 30.0
LIST_S = 5.0
ATTEMPTS = 3
"""Of one list, whose pairs the model could not take in beside live work."""


class Unseen:
    """A FeedbackStore and an Observer that keep nothing: what is ranked ahead was shown to nobody."""

    async def record_interactions(self, interactions: Sequence[Interaction], budget: Budget) -> tuple[int, int]:
        """Nothing."""
        return 0, 0

    async def record_impression(self, impression: Impression, budget: Budget) -> None:
        """Nothing."""

    def stage_ended(self, stage: str, seconds: float) -> None:
        """Nothing."""

    def list_answered(self, answer: RankedList) -> None:
        """Nothing."""


def unseen(parts: Parts) -> Parts:
    """The same parts for a pipeline that warms: same cache, same admission, no trace."""
    return replace(parts, feedback=Unseen(), observer=Unseen(), listener=None)


class WarmUp:
    """Ranks the lists of ``users`` users with ``pipeline``, made of ``unseen`` parts. ``identity`` tells the version
    that serves; its fingerprint is empty before the first verification."""

    def __init__(
        self, pipeline: Pipeline, histories: HistoryStore, identity: Callable[[], ModelIdentity], users: int
    ) -> None:
        self._pipeline = pipeline
        self._histories = histories
        self._identity = identity
        self._users = users
        self.warmed = 0
        """Lists ranked for the version that serves."""

    async def run(self, interval_s: float = INTERVAL_S) -> None:
        """Forever. Cancel to stop."""
        done: ModelIdentity | None = None
        while True:
            identity = self._identity()
            if identity.fingerprint and identity != done:
                await self.warm(interval_s)
                done = identity
            await asyncio.sleep(interval_s)

    async def warm(self, pause_s: float = INTERVAL_S) -> None:
        """Once over all users. A user whose list cannot be ranked is left out; without a store nothing is done."""
        self.warmed = 0
        try:
            users = await self._histories.latest_users(self._users, Budget(READ_S))
        except CrossrankError as fault:
            log.warning("cache_warm_up_failed", fault=fault.message)
            return
        for user_id in users:
            self.warmed += await self._rank(user_id, pause_s)
        log.info("cache_warmed", users=len(users), lists=self.warmed)

    async def _rank(self, user_id: str, pause_s: float) -> int:
        options = RankingOptions(priority=Priority.BATCH, require_rerank=True)
        for _ in range(ATTEMPTS):
            try:
                call = Call("cache-warm-up", Budget(LIST_S))
                answer = await self._pipeline.recommend(Context(user_id=user_id), CandidateOptions(), options, call)
            except CrossrankError:
                await asyncio.sleep(pause_s)
                continue
            return int(answer.scored_count > 0)
        return 0


@asynccontextmanager
async def warming(warm_up: WarmUp) -> AsyncIterator[None]:
    """While the block runs, so does the warm-up."""
    async with in_background(warm_up.run()):
        yield
