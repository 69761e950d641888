"""What a caller asks: who to rank for, which candidates, which choices. Frozen values; knows no wire format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from crossrank_client.catalog import AttributeValue, Filter


@dataclass(frozen=True, slots=True)
class User:
    """A user whose history the service holds."""

    user_id: str


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One item of a history. Give ``fields`` where the catalogue does not know the item."""

    item_id: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class History:
    """A history that the caller brings, most recent first."""

    events: tuple[HistoryEvent, ...]

    @classmethod
    def of(cls, *item_ids: str) -> "History":
        """A history of catalogue items, most recent first."""
        return cls(tuple(HistoryEvent(item_id) for item_id in item_ids))


@dataclass(frozen=True, slots=True)
class Query:
    """Free text."""

    text: str


@dataclass(frozen=True, slots=True)
class Seed:
    """A catalogue item to find others for."""

    item_id: str


Subject = User | History | Query | Seed


@dataclass(frozen=True, slots=True)
class Context:
    """Who or what to rank for. A bare subject does where nothing else is known."""

    subject: Subject
    session_query: str = ""
    surface: str = ""
    locale: str = ""
    features: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item to rank. Without ``fields`` the catalogue's text of this id is used."""

    item_id: str
    fields: Mapping[str, str] = field(default_factory=dict)
    first_stage_score: float | None = None


@dataclass(frozen=True, slots=True)
class CandidateOptions:
    """Where candidates come from. No ``sources``: all that fit the context. ``limit`` 0: the service's default."""

    sources: tuple[str, ...] = ()
    limit: int = 0
    filters: tuple[Filter, ...] = ()
    exclude_item_ids: tuple[str, ...] = ()
    include_seen: bool = False


@dataclass(frozen=True, slots=True)
class DiversityCap:
    """At most ``maximum`` items of the answer share a value of ``attribute``."""

    attribute: str
    maximum: int


class Reading(Enum):
    """Whether the cross-encoder reads the list: as the service is set, always (the answer has logits), or never."""

    AUTO = "AUTO"
    ALWAYS = "ALWAYS"
    NEVER = "NEVER"


@dataclass(frozen=True, slots=True)
class RankingOptions:
    """Choices of a ranking call. ``top_n`` 0: all of Rerank's candidates, or the service's default number.

    ``batch`` marks work that is refused first under load. ``require_rerank`` makes the service fail rather than answer
    in first-stage order where the cross-encoder was to read. ``first_stage_order``: whatever was fitted.
    """

    top_n: int = 0
    min_score: float | None = None
    batch: bool = False
    require_rerank: bool = False
    return_items: bool = False
    reject_long_items: bool = False
    model: str = ""
    explain: bool = False
    reading: Reading = Reading.AUTO
    first_stage_order: bool = False
    diversity_cap: DiversityCap | None = None
