"""Which ranker orders lists now: the newest that was fitted on this catalogue, or the one that settings name. Looked up
in the background, so that a request never waits for it. Knows no adapter."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from gateway.domain.background import in_background
from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.ports import RankerStore, SignalReader
from gateway.ranker.fitted import FIRST_STAGE, FittedRanker, Verdict
from gateway.ranker.spec import SpecInvalid

AUTO = "auto"
"""The newest."""

_LOOK_UP_S = 2.0
_NOT_FOUND = "CROSSRANK_RANKER is {}, and no such ranker was found on this catalogue: crossrank rankers lists them"
_WANTED = "CROSSRANK_RANKER is first_stage"
_log = structlog.get_logger()


class CurrentRanker:
    """None until one was found; then the last one that was found, also while the store is away. ``wanted``: AUTO, a
    version, or FIRST_STAGE, for which only what was measured of the first stage counts. Who names one gets first-stage
    order until it is found, never what would order lists without a ranker."""

    def __init__(self, rankers: RankerStore, signals: SignalReader, wanted: str = AUTO) -> None:
        self._rankers = rankers
        self._signals = signals
        self._wanted = wanted
        self._current = None if wanted == AUTO else FittedRanker(Verdict(FIRST_STAGE, _NOT_FOUND.format(wanted)))
        self._looked_at = ""
        self._missing = ""

    @property
    def found(self) -> bool:
        """Whether what orders lists is what was wanted; first-stage order always is."""
        return bool(self._looked_at) or self._wanted == FIRST_STAGE

    def current(self) -> FittedRanker | None:
        """What orders lists; None where nothing was ever fitted."""
        return self._current

    async def look_up(self) -> None:
        """Takes what the store has now. Raises StoreUnavailable; a ranker that cannot be read is told once and left."""
        budget = Budget(_LOOK_UP_S)
        await self._signals.version(budget)
        if self._wanted in {AUTO, FIRST_STAGE}:
            version = await self._rankers.newest(budget)
        else:
            version = self._wanted
            await self._rankers.hold(version, budget)
        if version in {"", self._looked_at}:
            return
        try:
            if found := await self._rankers.get(version, budget):
                self._current, self._looked_at = self._allowed(found), version
            elif version != self._missing:
                self._missing = version
                _log.warning("ranker_unknown", version=version, remedy="crossrank rankers lists those that are kept")
        except SpecInvalid as fault:
            self._looked_at = version
            _log.error("ranker_unreadable", version=version, detail=str(fault))

    def _allowed(self, found: FittedRanker) -> FittedRanker:
        return found.without_trees(_WANTED) if self._wanted == FIRST_STAGE else found


@asynccontextmanager
async def looking_up(ranker: CurrentRanker, interval_s: float) -> AsyncIterator[None]:
    """Looks it up now, and then every ``interval_s`` as long as the context lasts."""

    async def repeat() -> None:
        while True:
            await asyncio.sleep(interval_s)
            with suppress(StoreUnavailable):  # what was found last stays
                await ranker.look_up()

    with suppress(StoreUnavailable):
        await ranker.look_up()
    async with in_background(repeat()):
        yield
