"""The nouns of ranking, as frozen values. Knows no wire format, no store and no model server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from gateway.domain.order import Orderer, RankedBy, Reading, RequestKind

AttributeValue = str | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """An item: text fields that the model reads and typed attributes that filters test.

    ``token_ids`` are the item's side of a pair as stored at indexing time, whole (not cut to a budget), without special
    tokens; they count only while ``tokens_fingerprint`` equals the served encoding's fingerprint of the item side.
    ``popularity`` is how many users liked it when popularity was last made; 0 where nobody did, or nobody knows.
    """

    item_id: str
    fields: Mapping[str, str]
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    token_ids: tuple[int, ...] | None = None
    tokens_fingerprint: str = ""
    popularity: int = 0


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One item a user interacted with. ``fields`` is None where only the catalogue knows the text."""

    item_id: str
    fields: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Who or what to rank for: exactly one of user, history, query, seed item. Histories are most recent first."""

    user_id: str | None = None
    history: tuple[HistoryEvent, ...] | None = None
    query: str | None = None
    seed_item_id: str | None = None
    session_query: str = ""
    surface: str = ""
    locale: str = ""
    features: Mapping[str, AttributeValue] = field(default_factory=dict)


class FilterKind(Enum):
    """How a filter compares."""

    EQUALS = "equals"
    ANY_OF = "any_of"
    IN_RANGE = "in_range"


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on one attribute: ``values`` for EQUALS (one) and ANY_OF; ``minimum``/``maximum`` for IN_RANGE."""

    attribute: str
    kind: FilterKind
    values: tuple[AttributeValue, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class CandidateQuery:
    """What a candidate source is asked for.

    ``history`` holds the context's recent items, most recent first (a seed item is a history of one); they come back
    only with ``include_history``. ``among``: no others than these ids, all where it is None. ``exclude`` are ids never
    to return; ``seen_by`` names a user whose whole stored history is excluded too.
    """

    limit: int
    history: tuple[HistoryEvent, ...] = ()
    query: str = ""
    filters: tuple[Filter, ...] = ()
    among: frozenset[str] | None = None
    exclude: frozenset[str] = frozenset()
    seen_by: str | None = None
    include_history: bool = False


@dataclass(frozen=True, slots=True)
class SourceHit:
    """Where a source put an item: rank from 1, and the source's own score."""

    source: str
    rank: int
    score: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item id with its place in the first stage: ``rank`` from 1, fused ``score``, and each source's hit.

    ``item`` is set where the caller gave the text inline.
    """

    item_id: str
    rank: int
    score: float
    hits: tuple[SourceHit, ...] = ()
    item: Item | None = None


@dataclass(frozen=True, slots=True)
class EncodedPair:
    """Token ids of one (context, item) pair with special tokens, and segment ids of the same length."""

    token_ids: tuple[int, ...]
    type_ids: tuple[int, ...]
    truncated: bool


class Reason(Enum):
    """Why an answer is less than it could be; names equal the enum of the API."""

    MODEL_UNAVAILABLE = "MODEL_UNAVAILABLE"
    DEADLINE = "DEADLINE"
    SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE"
    CANDIDATES_SHORT = "CANDIDATES_SHORT"
    SCORE_INVALID = "SCORE_INVALID"
    HISTORY_UNAVAILABLE = "HISTORY_UNAVAILABLE"
    MODEL_OVERLOADED = "MODEL_OVERLOADED"
    IMPRESSION_NOT_LOGGED = "IMPRESSION_NOT_LOGGED"
    SIGNALS_UNAVAILABLE = "SIGNALS_UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class Degradation:
    """One reason with a detail for people."""

    reason: Reason
    detail: str


@dataclass(frozen=True, slots=True)
class ScoredItem:
    """One item of a ranked list. ``logit`` and ``score`` are None when the item was not scored (or not validly)."""

    item_id: str
    rank: int
    first_stage_rank: int
    logit: float | None
    score: float | None
    truncated: bool = False
    tokens: int = 0
    sources: tuple[str, ...] = ()
    cached: bool = False
    score_invalid: bool = False
    item: Item | None = None
    contributions: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """The model version that made the scores."""

    name: str
    version: str
    fingerprint: str


class Priority(Enum):
    """How urgent; the value is the priority of a KServe request (1 is served first)."""

    INTERACTIVE = 1
    BATCH = 2


@dataclass(frozen=True, slots=True)
class DiversityCap:
    """At most ``maximum`` items of an answer share a value of ``attribute``."""

    attribute: str
    maximum: int


@dataclass(frozen=True, slots=True)
class RankingOptions:
    """Choices of a ranking call. ``top_n`` 0 means all. ``first_stage_order``: whatever was fitted."""

    top_n: int = 0
    min_score: float | None = None
    priority: Priority = Priority.INTERACTIVE
    require_rerank: bool = False
    return_items: bool = False
    reject_long_items: bool = False
    model: str = ""
    explain: bool = False
    reading: Reading = Reading.AUTO
    first_stage_order: bool = False
    diversity_cap: DiversityCap | None = None


@dataclass(frozen=True, slots=True)
class CandidateOptions:
    """Where candidates come from. Empty ``sources`` means all that fit the context."""

    sources: tuple[str, ...] = ()
    limit: int = 0
    filters: tuple[Filter, ...] = ()
    exclude: frozenset[str] = frozenset()
    include_seen: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Work done for one call, in tokens and model requests. ``padded_tokens``: the scored ones with their padding."""

    context_tokens: int = 0
    scored_tokens: int = 0
    model_requests: int = 0
    padded_tokens: int = 0


@dataclass(frozen=True, slots=True)
class RankedList:
    """The answer: items best first, and how they came about. ``stages`` are (name, seconds) in path order.

    Of ``scored_count`` valid scores ``cache_hits`` were known, ``coalesced`` shared with another request in flight, and
    ``duplicates`` those of another item with the same text. ``unread_fields``: of the request's items, which the model
    version does not read.
    """

    items: tuple[ScoredItem, ...]
    model: ModelIdentity
    request_id: str
    ranked_by: RankedBy = field(default_factory=RankedBy)
    attribution_token: str = ""
    degraded: tuple[Degradation, ...] = ()
    candidate_count: int = 0
    scored_count: int = 0
    cache_hits: int = 0
    coalesced: int = 0
    duplicates: int = 0
    stages: tuple[tuple[str, float], ...] = ()
    usage: Usage = Usage()
    unread_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Interaction:
    """One thing a user did with an item, at a time-zone-aware moment."""

    user_id: str
    item_id: str
    event: str
    weight: float
    time: datetime
    attribution_token: str = ""


@dataclass(frozen=True, slots=True)
class Impression:
    """A list that was shown: what was asked, which model version answered, ranks before and after. ``orderer``: what
    was to order lists of this ``kind``; ``degraded`` says where that failed."""

    attribution_token: str
    request_id: str
    context: Context
    model: ModelIdentity
    items: Sequence[ScoredItem]
    degraded: tuple[Degradation, ...] = ()
    kind: RequestKind = RequestKind.WARM
    orderer: Orderer = field(default_factory=Orderer)


@dataclass(frozen=True, slots=True)
class WriteCounts:
    """What a bulk write did."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
