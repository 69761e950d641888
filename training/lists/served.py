"""Candidate lists, logits and final order as the gateway serves them, for evaluated users. There is no second
implementation here: the gateway's own pipeline, sources and stores are asked."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from prometheus_client import CollectorRegistry
from pydantic import TypeAdapter

from gateway.app import Stores, build_parts, build_pipeline
from gateway.cache.local import LocalScoreCache
from gateway.domain.budget import Budget, Call
from gateway.domain.files import read_json_lines, replace_json_lines
from gateway.domain.order import Reading
from gateway.domain.progress import Advance
from gateway.domain.values import (
    Candidate,
    CandidateOptions,
    CandidateQuery,
    Context,
    EncodedPair,
    RankedList,
    RankingOptions,
    Reason,
)
from gateway.models import Models
from gateway.ports import Logits, Scorer, ServedModel
from gateway.ranker.features import HISTORY_EVENTS
from gateway.settings import Settings
from gateway.store.pool import Database
from gateway.telemetry.metrics import Metrics
from training.errors import TrainingError
from training.protocol.dataset import UserCase

BLEND = "blend"
FIRST_STAGE_DEPTH = 200
"""Of the first-stage rows, so that recall at 200 can be told whatever depth is re-ranked."""

BUDGET_S = 60.0
ATTEMPTS = 30
CONCURRENT_LISTS = 3


class ListDegraded(TrainingError):
    """The stack kept answering less than a full list."""


@dataclass(frozen=True, slots=True)
class ServedList:
    """What was served to one user. ``by_source``: every source alone, and the blend, best first. ``candidates``: the
    blend that was re-ranked. ``logits``: in their order; empty where the cross-encoder did not read."""

    user_id: str
    targets: tuple[str, ...]
    by_source: Mapping[str, tuple[str, ...]]
    candidates: tuple[Candidate, ...]
    logits: tuple[float, ...]
    ranked: tuple[str, ...]


class Unjudged:
    """A Scorer whose version nobody judged: where no ranker was fitted its fused score orders lists, for that is what
    is to be measured."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer

    def current(self) -> ServedModel:
        """The version, without a verdict on its reading. Raises ModelUnavailable."""
        served = self._scorer.current()
        return replace(served, bundle=replace(served.bundle, reading=None))

    async def score(self, model: ServedModel, pairs: Sequence[EncodedPair], budget: Budget) -> Logits:
        """As the scorer within."""
        return await self._scorer.score(model, pairs, budget)


class ListServer:
    """Asks the gateway's parts for the lists of evaluated users, ``depth`` candidates each; ``reading`` says whether
    the cross-encoder reads them."""

    def __init__(
        self, settings: Settings, database: Database, models: Models, depth: int, reading: Reading = Reading.ALWAYS
    ) -> None:
        # As patient as its budget: admission refuses what a usual call has no time for.
        settings = replace(settings, default_deadline_s=BUDGET_S, max_deadline_s=BUDGET_S)
        metrics, cache = Metrics(CollectorRegistry()), LocalScoreCache(settings.cache_entries)
        champion = replace(models.champion, scorer=Unjudged(models.champion.scorer))
        parts = build_parts(settings, Stores(database), replace(models, champion=champion), cache, metrics)
        self._pipeline, self._ranker = build_pipeline(settings, parts), parts.ranker
        self._blend, self._histories = parts.candidates, parts.histories
        self._depth, self._reading = depth, reading

    async def serve_all(self, cases: Sequence[UserCase], advance: Advance) -> list[ServedList]:
        """One list per case, in order; a few at a time, so that the model server is never overloaded. A ranker that was
        fitted orders them, and the logits stand beside its order; else the version's fused score does."""
        await self._ranker.look_up()
        slots = asyncio.Semaphore(CONCURRENT_LISTS)

        async def serve(case: UserCase) -> ServedList:
            async with slots:
                served = await self._serve(case)
            advance(1)
            return served

        return await asyncio.gather(*(serve(case) for case in cases))

    async def _serve(self, case: UserCase) -> ServedList:
        query = await self._query(case)
        wide = replace(query, limit=max(self._depth, FIRST_STAGE_DEPTH))
        rows = {name: await self._fetch(wide, [name]) for name in self._blend.names}
        rows[BLEND] = await self._fetch(wide, [])
        candidates = await self._fetch(query, [])
        answer = await self._recommend(case)
        logits = {one.item_id: one.logit for one in answer.items if one.logit is not None}
        if self._reading is Reading.ALWAYS and set(logits) != {one.item_id for one in candidates}:
            raise ListDegraded(
                f"user {case.user_id}: {len(logits)} items were scored, {len(candidates)} proposed",
                "nothing else may write to this database while lists are served",
            )
        return ServedList(
            user_id=case.user_id,
            targets=case.targets,
            by_source={name: tuple(one.item_id for one in found) for name, found in rows.items()},
            candidates=tuple(candidates),
            logits=tuple(logits[one.item_id] for one in candidates) if logits else (),
            ranked=tuple(one.item_id for one in answer.items),
        )

    async def _fetch(self, query: CandidateQuery, sources: Sequence[str]) -> Sequence[Candidate]:
        candidates, degradations = await self._blend.fetch(query, sources, Budget(BUDGET_S))
        if degradations:
            raise ListDegraded(degradations[0].detail, "crossrank doctor")
        return candidates

    async def _query(self, case: UserCase) -> CandidateQuery:
        """As the pipeline asks. Raises ListDegraded when the store knows another history than the protocol."""
        history = tuple(await self._histories.recent(case.user_id, HISTORY_EVENTS, Budget(BUDGET_S)))
        expected = list(case.history.newest(HISTORY_EVENTS).newest_first)
        if [event.item_id for event in history] != expected:
            raise ListDegraded(
                f"user {case.user_id}: the store's history is not that of the protocol",
                "index the interactions of this phase into an empty database",
            )
        return CandidateQuery(limit=self._depth, history=history, seen_by=case.user_id)

    async def _recommend(self, case: UserCase) -> RankedList:
        """All candidates, though a small catalogue may have fewer than ``depth``; what a busy model server left out is
        asked for again, the rest comes from the cache."""
        for _ in range(ATTEMPTS):
            answer = await self._pipeline.recommend(
                Context(user_id=case.user_id),
                CandidateOptions(limit=self._depth),
                RankingOptions(top_n=self._depth, reading=self._reading),
                Call(f"evaluation-{case.user_id}", Budget(BUDGET_S)),
            )
            busy = [one for one in answer.degraded if one.reason is not Reason.CANDIDATES_SHORT]
            if not busy:
                return answer
        raise ListDegraded(f"user {case.user_id}: {busy[0].detail}", "run it on a machine with more time")


def write_served(file: Path, lists: Sequence[ServedList]) -> None:
    """One JSON document a line; complete or not there."""
    replace_json_lines(file, map(asdict, lists))


def read_served(file: Path) -> list[ServedList]:
    """What write_served wrote. Raises OSError, and ValueError for a line that is no such list."""
    return TypeAdapter(list[ServedList]).validate_python(list(read_json_lines(file)))
