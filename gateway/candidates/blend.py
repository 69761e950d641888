"""Asks the sources side by side and fuses their lists by reciprocal rank, with places kept for what its ranks alone
would not bring into the list. Knows no source's inside."""

import asyncio
import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from gateway.domain.budget import Budget
from gateway.domain.errors import OUTAGES, CrossrankError, StoreUnavailable
from gateway.domain.values import Candidate, CandidateQuery, Degradation, Reason, SourceHit
from gateway.ports import CandidateSource
from gateway.ranker.features import RANK_OFFSET

Item = TypeVar("Item", bound=Hashable)


@dataclass(frozen=True, slots=True)
class BlendSettings:
    """``source_share`` of the budget is every source's slice: they run at the same time. ``weights``: how much a
    source's ranks count, by name; 1 where none is named. ``reserved``: share of a list's places that is kept for what a
    source proposes first, by name; what it cannot fill, others do."""

    source_share: float = 0.8
    weights: Mapping[str, float] = field(default_factory=dict)
    reserved: Mapping[str, float] = field(default_factory=dict)

    def places(self, source: str, limit: int) -> int:
        """Of ``limit``, how many are kept for ``source``."""
        return int(self.reserved.get(source, 0.0) * limit)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a source answered, or why not."""

    source: str
    candidates: Sequence[Candidate] = ()
    fault: CrossrankError | None = None


class Blend:
    """CandidateFetcher over sources. ``fallback`` answers when none of those that fit could."""

    def __init__(
        self,
        sources: Sequence[CandidateSource],
        settings: BlendSettings = BlendSettings(),
        fallback: CandidateSource | None = None,
    ) -> None:
        self._sources = tuple(sources)
        self._settings = settings
        self._fallback = fallback

    @property
    def names(self) -> tuple[str, ...]:
        """Sources that a request may name."""
        return tuple(source.name for source in self._sources)

    async def fetch(
        self, query: CandidateQuery, sources: Sequence[str], budget: Budget
    ) -> tuple[Sequence[Candidate], Sequence[Degradation]]:
        """Fused candidates and which sources are missing. Raises the first fault when no source could answer."""
        chosen = [one for one in self._sources if (not sources or one.name in sources) and one.fits(query)]
        outcomes = await _ask(chosen, query, budget.slice(self._settings.source_share))
        failed = [outcome for outcome in outcomes if outcome.fault is not None]
        if chosen and len(failed) == len(chosen) and self._fallback and self._fallback not in chosen:
            fallback = await _ask([self._fallback], query, budget)
            outcomes += fallback
        if outcomes and all(outcome.fault is not None for outcome in outcomes):
            raise next(outcome.fault for outcome in outcomes if outcome.fault is not None)
        degradations = [
            Degradation(Reason.SOURCE_UNAVAILABLE, f"{outcome.source}: {outcome.fault.message}")
            for outcome in outcomes
            if outcome.fault is not None
        ]
        return fuse([outcome.candidates for outcome in outcomes], query.limit, self._settings), degradations


def fuse(
    lists: Sequence[Sequence[Candidate]], limit: int, settings: BlendSettings = BlendSettings()
) -> list[Candidate]:
    """Reciprocal rank fusion: the score is the sum of ``weight / (RANK_OFFSET + rank)`` over the lists that hold the
    item.

    Best first, ties in order of id, ranks from 1; every list's hit is kept, in the order of the lists. An item that has
    its place by reservation stands where its score puts it, mostly at the end.
    """
    hits: dict[str, list[SourceHit]] = {}
    reserved: set[str] = set()
    for candidates in lists:
        for candidate in candidates:
            hits.setdefault(candidate.item_id, []).extend(candidate.hits)
            if any(hit.rank <= settings.places(hit.source, limit) for hit in candidate.hits):
                reserved.add(candidate.item_id)
    # fsum rounds once: items with the same ranks tie, in whatever order their lists come.
    scores = {
        item_id: math.fsum(settings.weights.get(hit.source, 1.0) / (RANK_OFFSET + hit.rank) for hit in found)
        for item_id, found in hits.items()
    }
    order = cut(sorted(scores, key=lambda item_id: (-scores[item_id], item_id)), reserved, limit)
    return [
        Candidate(item_id, rank, scores[item_id], tuple(hits[item_id])) for rank, item_id in enumerate(order, start=1)
    ]


def cut(order: Sequence[Item], reserved: Collection[Item], limit: int) -> list[Item]:
    """The first ``limit`` of ``order``, of which those of ``reserved`` are some: the last of the others give way."""
    free = limit - len(reserved)
    kept = []
    for one in order:
        if one in reserved:
            kept.append(one)
        elif free > 0:
            kept.append(one)
            free -= 1
    return kept


async def _ask(sources: Sequence[CandidateSource], query: CandidateQuery, budget: Budget) -> list[_Outcome]:
    """All at the same time; who is late is left behind. Raises what is no outage."""
    if not sources:
        return []
    allowed_s = budget.left_s
    tasks = [asyncio.ensure_future(source.fetch(query, budget)) for source in sources]
    try:
        await asyncio.wait(tasks, timeout=allowed_s)
        return [_outcome(source.name, task, allowed_s) for source, task in zip(sources, tasks, strict=True)]
    finally:
        for task in tasks:
            task.cancel()


def _outcome(source: str, task: "asyncio.Future[Sequence[Candidate]]", allowed_s: float) -> _Outcome:
    if not task.done():
        return _Outcome(source, fault=StoreUnavailable(f"no answer within its slice of {allowed_s:.3f} s"))
    fault = task.exception()
    if fault is None:
        return _Outcome(source, task.result())
    if isinstance(fault, OUTAGES):
        return _Outcome(source, fault=fault)
    raise fault
