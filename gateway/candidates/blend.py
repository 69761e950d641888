"""All sources side by side, each inside the budget, fused by reciprocal rank. Knows the CandidateSource port only."""

import asyncio
from collections.abc import Mapping, Sequence

from gateway.budget import Budget
from gateway.domain import Candidate, CandidateQuery, Degradation, Reason, SourceHit
from gateway.errors import DeadlineTooShort, DependencyUnavailable, ModelAnswerInvalid, StoreUnavailable
from gateway.ports import CandidateSource
from gateway.ranking import RANK_OFFSET


class Blend:
    """CandidateFetcher over several sources."""

    def __init__(self, sources: Sequence[CandidateSource]) -> None:
        self._sources: Mapping[str, CandidateSource] = {source.name: source for source in sources}

    @property
    def names(self) -> tuple[str, ...]:
        """Sources that a request may name."""
        return tuple(self._sources)

    async def fetch(
        self, query: CandidateQuery, sources: Sequence[str], budget: Budget
    ) -> tuple[Sequence[Candidate], Sequence[Degradation]]:
        """Fused candidates, and the sources that failed or were late. Raises StoreUnavailable when all did."""
        chosen = [self._sources[name] for name in dict.fromkeys(sources or self._sources)]
        asked = [source for source in chosen if source.fits(query)]
        answers = await asyncio.gather(*(_fetch_one(source, query, budget) for source in asked))
        faults = [answer for answer in answers if isinstance(answer, Degradation)]
        lists = [answer for answer in answers if not isinstance(answer, Degradation)]
        if asked and not lists:
            raise StoreUnavailable("no candidate source answered: " + "; ".join(fault.detail for fault in faults))
        return fuse(lists)[: query.limit], faults


async def _fetch_one(
    source: CandidateSource, query: CandidateQuery, budget: Budget
) -> Sequence[Candidate] | Degradation:
    try:
        async with asyncio.timeout(budget.left_s):
            return await source.fetch(query, budget)
    except TimeoutError:
        return Degradation(Reason.SOURCE_UNAVAILABLE, f"{source.name}: not within its share of the budget")
    except (DependencyUnavailable, DeadlineTooShort, ModelAnswerInvalid) as fault:
        return Degradation(Reason.SOURCE_UNAVAILABLE, f"{source.name}: {fault.message}")


def fuse(lists: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    """Reciprocal rank fusion: score = sum of 1 / (60 + rank). A total order: ties by item id. Hits are kept."""
    scores: dict[str, float] = {}
    hits: dict[str, tuple[SourceHit, ...]] = {}
    for candidates in lists:
        for candidate in candidates:
            scores[candidate.item_id] = scores.get(candidate.item_id, 0.0) + 1 / (RANK_OFFSET + candidate.rank)
            hits[candidate.item_id] = hits.get(candidate.item_id, ()) + candidate.hits
    order = sorted(scores, key=lambda item_id: (-scores[item_id], item_id))
    return [Candidate(item_id, rank, scores[item_id], hits[item_id]) for rank, item_id in enumerate(order, start=1)]
