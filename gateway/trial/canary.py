"""The canary: a share of users is answered by the challenger, everybody else and every failure by the champion. Knows
pipelines, not what they are made of."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

import structlog

from gateway.domain.budget import Call
from gateway.domain.errors import CrossrankError, DeadlineTooShort, InvalidRequest, ModelUnavailable
from gateway.domain.values import Candidate, CandidateOptions, Context, RankedList, RankingOptions
from gateway.pipeline import Pipeline
from gateway.ports import TrialObserver
from gateway.trial.challenger import Challenger
from gateway.trial.traffic_split import TrafficSplit

log = structlog.get_logger(__name__)

CHALLENGER_SHARE = 0.7
"""Of a call's time: what is left is the champion's, should the challenger fail."""

_FAULTS = (ModelUnavailable, DeadlineTooShort, InvalidRequest)
"""What another model may do better; a request that is invalid for both is refused by the champion."""

Ask = Callable[[Pipeline, RankingOptions, Call], Awaitable[RankedList]]


class Canary:
    """Answers as Pipeline does. A challenger's list is logged once, under its own version, and only when it is whole:
    one that lacks scores for want of model or time is made anew by the champion."""

    def __init__(self, champion: Pipeline, challenger: Challenger, draw: TrafficSplit, observer: TrialObserver) -> None:
        self._champion = champion
        self._challenger = challenger
        self._draw = draw
        self._observer = observer

    async def rerank(
        self, context: Context, candidates: Sequence[Candidate], options: RankingOptions, call: Call
    ) -> RankedList:
        """Ranks the caller's candidates."""
        return await self._answer(
            lambda pipeline, options, call: pipeline.rerank(context, candidates, options, call), context, options, call
        )

    async def recommend(
        self, context: Context, wanted: CandidateOptions, options: RankingOptions, call: Call
    ) -> RankedList:
        """Fetches candidates and ranks them."""
        return await self._answer(
            lambda pipeline, options, call: pipeline.recommend(context, wanted, options, call), context, options, call
        )

    async def recommend_stream(
        self, context: Context, wanted: CandidateOptions, options: RankingOptions, call: Call
    ) -> AsyncIterator[RankedList]:
        """First-stage order, then the re-ranked list; where the challenger fails in between, the champion's."""
        sent = 0
        if self._chosen(context, call):
            tried = self._challenger.pipeline.recommend_stream(context, wanted, _whole(options), _first(call))
            try:
                async for answer in tried:
                    yield answer
                    sent += 1
            except _FAULTS as fault:
                self._failed(fault)
            else:
                self._observer.canary_ended("answered")
                return
        position = 0
        async for answer in self._champion.recommend_stream(context, wanted, options, call):
            if position >= sent:
                yield answer
            position += 1

    async def _answer(self, ask: Ask, context: Context, options: RankingOptions, call: Call) -> RankedList:
        if self._chosen(context, call):
            try:
                answer = await ask(self._challenger.pipeline, _whole(options), _first(call))
            except _FAULTS as fault:
                self._failed(fault)
            else:
                self._observer.canary_ended("answered")
                return answer
        return await ask(self._champion, options, call)

    def _chosen(self, context: Context, call: Call) -> bool:
        if not self._draw.takes(context, call):
            return False
        ready = self._challenger.ready()
        if not ready:
            self._observer.canary_ended("unready")
        return ready

    def _failed(self, fault: CrossrankError) -> None:
        log.warning("canary_failed", reason=fault.reason)
        self._observer.canary_ended("failed")


def _whole(options: RankingOptions) -> RankingOptions:
    return replace(options, require_rerank=True)


def _first(call: Call) -> Call:
    return replace(call, budget=call.budget.slice(CHALLENGER_SHARE))
