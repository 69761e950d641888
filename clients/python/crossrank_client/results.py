"""What the service answers, as frozen values. Knows no wire format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one history item added to a logit: logit with it minus logit without it."""

    item_id: str
    logit_difference: float


@dataclass(frozen=True, slots=True)
class RankedItem:
    """One item of a list. ``logit`` and ``score`` (0 to 1) are None when the item was not scored."""

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
    fields: Mapping[str, str] = field(default_factory=dict)
    contributions: tuple[Contribution, ...] = ()

    @property
    def moved(self) -> int:
        """Places gained by re-ranking; negative when the item fell."""
        return self.first_stage_rank - self.rank


@dataclass(frozen=True, slots=True)
class Degradation:
    """One way in which an answer is less than it could be: a stable reason ("DEADLINE") and a detail for people."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class StageTime:
    """Wall time of one stage, as the server saw it."""

    stage: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Work done for one call."""

    context_tokens: int = 0
    scored_tokens: int = 0
    model_requests: int = 0


@dataclass(frozen=True, slots=True)
class RankingMetadata:
    """How a list came about. ``attribution_token`` joins later interactions to this list. ``ordered_by`` is
    "FIRST_STAGE", "TREES" or "READER", ``ordered_by_version`` which one of its kind. ``unread_fields``: of the
    request's items, which the model version does not read."""

    request_id: str
    attribution_token: str
    model: str
    model_version: str
    encoding_fingerprint: str
    degraded: tuple[Degradation, ...]
    candidate_count: int
    scored_count: int
    cache_hits: int
    coalesced: int
    stages: tuple[StageTime, ...]
    total_s: float
    usage: Usage
    ordered_by: str = "UNSPECIFIED"
    ordered_by_version: str = ""
    unread_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RankedList:
    """Items, best first, and how the list came about."""

    items: tuple[RankedItem, ...]
    metadata: RankingMetadata

    @property
    def degraded(self) -> bool:
        """The answer is less than it could be; ``metadata.degraded`` says why."""
        return bool(self.metadata.degraded)


class ListStage(Enum):
    """Which of the two answers of a stream a list is."""

    FIRST_STAGE = "first_stage"
    RERANKED = "reranked"


@dataclass(frozen=True, slots=True)
class StreamedList:
    """One answer of a stream."""

    stage: ListStage
    ranked: RankedList


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of every request."""

    max_candidates: int
    max_history_events: int
    max_field_bytes: int
    max_pair_tokens: int
    default_deadline_s: float
    max_deadline_s: float
    default_candidates: int
    default_top_n: int
    max_request_bytes: int


@dataclass(frozen=True, slots=True)
class Model:
    """A served model. ``ready``: its golden pairs were answered rightly a moment ago. ``reading_pays``: kinds of
    request for which its reading was shown to pay, as far as that was ``reading_judged``."""

    name: str
    version: str
    encoding_fingerprint: str
    template: str
    item_fields: tuple[str, ...]
    ready: bool
    reading_pays: tuple[str, ...] = ()
    reading_judged: bool = False


@dataclass(frozen=True, slots=True)
class MeasuredOrder:
    """NDCG@10 of one order on held-out users with its 95 % interval, its paired difference to the best first stage, and
    p that they are the same."""

    name: str
    ndcg: float
    low: float
    high: float
    difference: float
    p: float


@dataclass(frozen=True, slots=True)
class Ranker:
    """The ranker that was fitted on this catalogue. ``serves``: "own", "default" or "first_stage"; ``users``: on how
    many it was measured; ``first_stage``: the source that was best on other lists, or "blend": the measured orders are
    compared with its."""

    version: str
    serves: str
    reason: str
    users: int
    measured: tuple[MeasuredOrder, ...]
    first_stage: str = ""


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """Limits and versions of the service; the default model comes first. ``ranker``: None before the first fit."""

    version: str
    limits: Limits
    models: tuple[Model, ...]
    candidate_sources: tuple[str, ...]
    ranker: Ranker | None = None


class Health(Enum):
    """What the service says of itself; NOT_SERVING covers start-up, draining and a model without a right answer."""

    SERVING = "serving"
    NOT_SERVING = "not_serving"
    UNKNOWN = "unknown"
