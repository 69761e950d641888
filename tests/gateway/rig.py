"""A pipeline over in-memory parts that can be told to fail; the scorer's logits betray every mix-up."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.cache.local import LocalScoreCache
from gateway.cache.token_ids import TokenIdCache
from gateway.domain.budget import Budget, Call
from gateway.domain.errors import CrossrankError
from gateway.domain.values import (
    Candidate,
    CandidateQuery,
    Context,
    Degradation,
    HistoryEvent,
    Impression,
    Interaction,
    Item,
    ModelIdentity,
    RankedList,
    Reason,
    SourceHit,
)
from gateway.encoding.render import ContextFields
from gateway.encoding.spec import EncodingSpec
from gateway.pipeline import Defaults, Parts, Pipeline
from gateway.ports import ServedModel
from gateway.ranker.fitted import FittedRanker
from gateway.ranking.current_ranker import CurrentRanker
from gateway.scoring.admission import Admission, AdmissionLimits
from gateway.scoring.coalesced import ChunkLimits, CoalescedScorer
from tests.fakes.observers import SeenLists
from tests.fakes.rankers import MemoryRankers
from tests.fakes.scorers import FakeScorer, hash_logit
from tests.fakes.signals import MemorySignals
from tests.fakes.sources import MemoryTexts
from tests.fakes.specs import small_bundle

TITLES = "toy story,the matrix,heat,alien,jaws,brazil,fargo,space".split(",")
CATALOGUE = {f"m{number}": Item(f"m{number}", {"title": title}) for number, title in enumerate(TITLES)}


class Shelf:
    """Catalogue, histories, feedback and candidates in one; ``faults`` maps a method's name to what it raises."""

    names = ("popular",)

    def __init__(self) -> None:
        self.items: dict[str, Item] = dict(CATALOGUE)
        self.histories: dict[str, list[str]] = {"u1": ["m0", "m1"]}
        self.impressions: list[Impression] = []
        self.queries: list[CandidateQuery] = []
        self.source_degradations: list[Degradation] = []
        self.faults: dict[str, CrossrankError] = {}

    def _trip(self, method: str) -> None:
        if method in self.faults:
            raise self.faults[method]

    async def get(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, Item]:
        self._trip("get")
        return {item_id: self.items[item_id] for item_id in item_ids if item_id in self.items}

    async def recent(self, user_id: str, limit: int, budget: Budget) -> Sequence[HistoryEvent]:
        self._trip("recent")
        return [HistoryEvent(item_id) for item_id in self.histories.get(user_id, [])][:limit]

    async def latest_users(self, limit: int, budget: Budget) -> Sequence[str]:
        self._trip("latest_users")
        return list(self.histories)[:limit]

    async def fetch(
        self, query: CandidateQuery, sources: Sequence[str], budget: Budget
    ) -> tuple[Sequence[Candidate], Sequence[Degradation]]:
        self._trip("fetch")
        self.queries.append(query)
        seen = set(self.histories.get(query.seen_by or "", [])) | query.exclude
        found = [item_id for item_id in self.items if item_id not in seen][: query.limit]
        return [candidate(item_id, rank) for rank, item_id in enumerate(found, start=1)], self.source_degradations

    async def record_impression(self, impression: Impression, budget: Budget) -> None:
        self._trip("record_impression")
        self.impressions.append(impression)

    async def record_interactions(self, interactions: Sequence[Interaction], budget: Budget) -> tuple[int, int]:
        return len(interactions), 0


def candidate(item_id: str, rank: int) -> Candidate:
    """A candidate that the popular source proposed."""
    return Candidate(item_id, rank, 1 / (60 + rank), (SourceHit("popular", rank, 100.0 - rank),))


def call(seconds: float = 5.0) -> Call:
    """A call with this much time."""
    return Call("request-1", Budget(seconds))


class Rig:
    """The pipeline and all its parts."""

    def __init__(self, folder: Path, spec: EncodingSpec | None = None) -> None:
        bundle = small_bundle(folder, spec)
        self.model = ServedModel(ModelIdentity("cross_encoder", "1", bundle.fingerprint), bundle)
        self.shelf, self.seen, self.cache = Shelf(), SeenLists(), LocalScoreCache(1000)
        self.token_ids, self.by_text = TokenIdCache(2**20), MemoryTexts(CATALOGUE)
        self.scorer, self.admission = FakeScorer(self.model), Admission(AdmissionLimits(10_000, 0.5, 0.2))
        self.signals, self.rankers = MemorySignals(), MemoryRankers()
        self.ranker = CurrentRanker(self.rankers, self.signals)
        self.parts = Parts(
            candidates=self.shelf,
            by_text=self.by_text,
            items=self.shelf,
            histories=self.shelf,
            feedback=self.shelf,
            cache=self.cache,
            token_ids=self.token_ids,
            scorer=CoalescedScorer(self.scorer, self.admission, ChunkLimits(64, 2, 1)),
            signals=self.signals,
            ranker=self.ranker,
            observer=self.seen,
        )
        self.defaults = Defaults("cross_encoder", candidates=6, top_n=3, candidates_share=0.5)
        self.pipeline = Pipeline(self.parts, self.defaults)

    def expected_logit(self, context: Context, history: Sequence[Mapping[str, str]], item: Item) -> float:
        """The logit that exactly this pair must get."""
        encoder = self.model.bundle.encoder
        side = encoder.encode_context(ContextFields(context.query or context.session_query, {}, history))
        return hash_logit(encoder.join(side, encoder.encode_item(item.fields)))

    async def fit(self, ranker: FittedRanker) -> None:
        """From now on this ranker orders lists."""
        await self.rankers.keep(ranker, Budget(5.0))
        await self.ranker.look_up()

    async def until_asked(self, requests: int) -> None:
        """Waits until the scorer got that many requests."""
        async with asyncio.timeout(10):
            while len(self.scorer.requests) < requests:
                await asyncio.sleep(0)


def ids(answer: RankedList) -> list[str]:
    """Its items, in order."""
    return [item.item_id for item in answer.items]


def reasons(answer: RankedList) -> list[Reason]:
    """Why it is less than full."""
    return [degradation.reason for degradation in answer.degraded]
