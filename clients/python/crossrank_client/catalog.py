"""Items, filters and interactions, as frozen values. Knows no wire format."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

AttributeValue = str | float | bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """An item: text fields that the model reads, and attributes (text, number, flag, labels) that filters test."""

    item_id: str
    fields: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Equals:
    """The attribute has exactly this value."""

    attribute: str
    value: AttributeValue


@dataclass(frozen=True, slots=True)
class AnyOf:
    """The attribute (text or labels) has at least one of these values."""

    attribute: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InRange:
    """The attribute is a number inside this closed range; None is an open end."""

    attribute: str
    minimum: float | None = None
    maximum: float | None = None


Filter = Equals | AnyOf | InRange


@dataclass(frozen=True, slots=True)
class Interaction:
    """One thing a user did with an item. ``time`` must know its time zone; None means the moment at which the client
    sends it, on the caller's clock."""

    user_id: str
    item_id: str
    event: str
    weight: float | None = None
    time: datetime | None = None
    attribution_token: str = ""


@dataclass(frozen=True, slots=True)
class UpsertCounts:
    """Items written by an upsert."""

    inserted: int
    updated: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class DeleteCounts:
    """Ids of a delete: those that existed, those that did not."""

    deleted: int
    unknown: int


@dataclass(frozen=True, slots=True)
class FoundItems:
    """Items in the order asked for, and the ids that the catalogue does not have."""

    items: tuple[Item, ...]
    unknown_item_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RecordCounts:
    """Interactions stored, already known, and joined to the list in which the item was shown."""

    recorded: int
    duplicates: int
    attributed: int
