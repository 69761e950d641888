"""The seams: what the pipeline needs from the world, as protocols. Adapters and fakes pass the same contract suites."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt

from gateway.domain.budget import Budget
from gateway.domain.comparison import Comparison, Loss, Outcome
from gateway.domain.values import (
    Candidate,
    CandidateQuery,
    Degradation,
    EncodedPair,
    Filter,
    HistoryEvent,
    Impression,
    Interaction,
    Item,
    ModelIdentity,
    RankedList,
    WriteCounts,
)
from gateway.encoding.bundle import EncodingBundle
from gateway.ranker.fitted import FittedRanker
from gateway.ranker.signals import ItemSignals

Logits = npt.NDArray[np.float32]
Embeddings = npt.NDArray[np.float32]


class CandidateSource(Protocol):
    """Proposes items. Raises StoreUnavailable or ModelUnavailable; never returns an excluded or filtered item."""

    @property
    def name(self) -> str:
        """Name in the API ("text_ann")."""

    def fits(self, query: CandidateQuery) -> bool:
        """Whether the source has anything to go by for this query."""

    async def fetch(self, query: CandidateQuery, budget: Budget) -> Sequence[Candidate]:
        """At most ``query.limit`` candidates, best first, ranks from 1, one hit each naming this source."""


class CandidateFetcher(Protocol):
    """All sources together. Raises the first source's fault, and only when no source could answer."""

    @property
    def names(self) -> tuple[str, ...]:
        """Sources that a request may name."""

    async def fetch(
        self, query: CandidateQuery, sources: Sequence[str], budget: Budget
    ) -> tuple[Sequence[Candidate], Sequence[Degradation]]:
        """Fused candidates, best first, ranks from 1, and what went wrong. Empty ``sources``: all that fit."""


class ItemReader(Protocol):
    """Reads the catalogue. Raises StoreUnavailable."""

    async def get(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, Item]:
        """The items found, by id."""


@dataclass(frozen=True, slots=True)
class ItemDigests:
    """What a stored item was made of: ``content`` covers everything but the vector, ``text`` what was embedded."""

    content: bytes
    text: bytes


@dataclass(frozen=True, slots=True)
class IndexedItem:
    """An item ready to be stored. ``embedding``: a unit vector [384]; None: the stored one, of the same text, stays."""

    item: Item
    digests: ItemDigests
    embedding: Embeddings | None


@dataclass(frozen=True, slots=True)
class StoredItem:
    """An item as it is stored now. ``digest``: of its content. ``item``: None where that is known already."""

    digest: bytes
    popularity: int
    item: Item | None


class ItemStore(ItemReader, Protocol):
    """The catalogue. All methods raise StoreUnavailable."""

    async def unless(self, digests: Mapping[str, bytes], budget: Budget) -> Mapping[str, StoredItem]:
        """The items found of those that are keys of ``digests``, by id; without the item where the digest is the
        stored one."""

    async def digests(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemDigests]:
        """What the items found were made of, by id: equal digests need no writing, equal texts no embedding."""

    async def upsert(self, items: Sequence[IndexedItem], budget: Budget) -> WriteCounts:
        """Writes all or nothing; ids are unique. Items whose content is stored already are counted as unchanged.
        StoreUnavailable also when an item without embedding is not stored with the same text (any more)."""

    async def delete(self, item_ids: Sequence[str], budget: Budget) -> int:
        """How many existed."""

    async def list(self, after: str, limit: int, filters: Sequence[Filter], budget: Budget) -> Sequence[Item]:
        """Items with an id above ``after``, in order of id."""


class SignalReader(Protocol):
    """What the index knows of how items relate. All methods raise StoreUnavailable."""

    async def of_history(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        """Of the items found, by id, with neighbours."""

    async def of_candidates(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        """Of the items found, by id; neighbours may be missing."""

    async def version(self, budget: Budget) -> int:
        """How often the signals were made anew."""


@dataclass(frozen=True, slots=True)
class KeptRanker:
    """A ranker in the store. ``ranker`` is None where it cannot be read."""

    version: str
    made_at: datetime
    ranker: FittedRanker | None


class RankerStore(Protocol):
    """The rankers fitted on this catalogue last. All methods raise StoreUnavailable."""

    async def keep(self, ranker: FittedRanker, budget: Budget) -> None:
        """Makes it the newest. Beyond a number that the store names the oldest leave, but for those that are held."""

    async def hold(self, version: str, budget: Budget) -> None:
        """Lets it stay for a day, however many newer ones there are; nothing for an unknown version."""

    async def newest(self, budget: Budget) -> str:
        """Its version; empty where none was kept."""

    async def get(self, version: str, budget: Budget) -> FittedRanker | None:
        """None for an unknown version. Raises SpecInvalid for one that cannot be read."""

    async def kept(self, budget: Budget) -> Sequence[KeptRanker]:
        """Newest first."""


class HistoryStore(Protocol):
    """What users did. All methods raise StoreUnavailable."""

    async def recent(self, user_id: str, limit: int, budget: Budget) -> Sequence[HistoryEvent]:
        """The user's distinct items of weight above 0, most recent first, with their texts where the catalogue has
        them; empty for an unknown user."""

    async def latest_users(self, limit: int, budget: Budget) -> Sequence[str]:
        """Users by their latest item of weight above 0, most recent first. Reads all histories: not for a request."""


class FeedbackStore(Protocol):
    """Impressions and interactions. All methods raise StoreUnavailable."""

    async def record_interactions(self, interactions: Sequence[Interaction], budget: Budget) -> tuple[int, int]:
        """(recorded, attributed). All or nothing; repeating changes nothing. NotFound for an unknown item."""

    async def record_impression(self, impression: Impression, budget: Budget) -> None:
        """Stores the list that was shown."""


class ScoreCache(Protocol):
    """Raw finite logits by key. A cache that is away is a cache that misses: no method raises."""

    async def get_many(self, keys: Sequence[bytes]) -> Mapping[bytes, float]:
        """The logits known."""

    async def put_many(self, logits: Mapping[bytes, float]) -> None:
        """Remembers finite logits; silently drops others."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model version whose golden pairs were answered rightly, with the encoding that belongs to it."""

    identity: ModelIdentity
    bundle: EncodingBundle


class Scorer(Protocol):
    """The cross-encoder. Raises ModelUnavailable, ModelOverloaded, DeadlineTooShort, ModelAnswerInvalid."""

    def current(self) -> ServedModel:
        """The version to use now. Raises ModelUnavailable before the first verification; stays known afterwards."""

    async def score(self, model: ServedModel, pairs: Sequence[EncodedPair], budget: Budget) -> Logits:
        """Logits [pairs] of that version, aligned with the input; not finite where the model gave no number."""


class Observer(Protocol):
    """Metrics of the path of a request."""

    def stage_ended(self, stage: str, seconds: float) -> None:
        """A stage ended, also by failing."""

    def list_answered(self, answer: RankedList) -> None:
        """A list was answered."""


class CacheObserver(Protocol):
    """Metrics of the tiers of a score cache."""

    def cache_read(self, tier: str, hits: int, misses: int) -> None:
        """Keys were looked up in a tier."""

    def cache_failed(self, tier: str, operation: str, cause: str) -> None:
        """A tier did not do a "read" or a "write": "timeout", "error", or "resting" after one of these."""


class ComparisonStore(Protocol):
    """What the shadow found, of all gateways together. Raises StoreUnavailable."""

    async def record(self, comparisons: Sequence[Comparison], losses: Mapping[Loss, int], budget: Budget) -> None:
        """Adds all or nothing."""


class TrialObserver(Protocol):
    """Metrics of a trial."""

    def shadow_ended(self, outcome: Outcome) -> None:
        """One drawn request was compared, or not."""

    def shadow_compared(self, comparison: Comparison) -> None:
        """What one comparison found."""

    def comparisons_lost(self, number: int) -> None:
        """Comparisons that no store took."""

    def canary_ended(self, outcome: str) -> None:
        """One drawn request was "answered" by the challenger, or by the champion since that was "unready" or
        "failed"."""


class Embedder(Protocol):
    """The bi-encoder. Raises as Scorer.score."""

    async def embed(self, texts: Sequence[str], budget: Budget) -> Embeddings:
        """Unit vectors [texts, 384], aligned with the input."""
