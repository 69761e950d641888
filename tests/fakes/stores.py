"""The catalogue, histories and feedback in memory: what the real stores must do, said in plain Python."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.domain.budget import Budget
from gateway.domain.errors import InvalidRequest, NotFound, StoreUnavailable, Violation
from gateway.domain.values import (
    AttributeValue,
    Filter,
    FilterKind,
    HistoryEvent,
    Impression,
    Interaction,
    Item,
    WriteCounts,
)
from gateway.ports import IndexedItem, ItemDigests, StoredItem

InteractionKey = tuple[str, str, str, float]


@dataclass
class Memory:
    """What the three stores share. ``away`` makes all of them fail."""

    items: dict[str, IndexedItem] = field(default_factory=dict)
    interactions: dict[InteractionKey, Interaction] = field(default_factory=dict)
    impressions: dict[str, Impression] = field(default_factory=dict)
    away: bool = False

    def check(self, budget: Budget) -> None:
        if self.away or budget.spent:
            raise StoreUnavailable("the memory is away")


class MemoryItemStore:
    """ItemStore in memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def get(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, Item]:
        self._memory.check(budget)
        items = self._memory.items
        return {item_id: items[item_id].item for item_id in item_ids if item_id in items}

    async def unless(self, digests: Mapping[str, bytes], budget: Budget) -> Mapping[str, StoredItem]:
        self._memory.check(budget)
        found = {item_id: self._memory.items[item_id] for item_id in digests if item_id in self._memory.items}
        return {
            item_id: StoredItem(
                one.digests.content, one.item.popularity, None if one.digests.content == digests[item_id] else one.item
            )
            for item_id, one in found.items()
        }

    async def digests(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemDigests]:
        self._memory.check(budget)
        items = self._memory.items
        return {item_id: items[item_id].digests for item_id in item_ids if item_id in items}

    async def upsert(self, items: Sequence[IndexedItem], budget: Budget) -> WriteCounts:
        self._memory.check(budget)
        stored, counts = self._memory.items, {"inserted": 0, "updated": 0, "unchanged": 0}
        arriving: dict[str, IndexedItem] = {}
        for one in items:
            refuse_nul(one.item.item_id, *one.item.fields, *one.item.fields.values(), *one.item.attributes)
            known = stored.get(one.item.item_id)
            if one.embedding is None and (known is None or known.digests.text != one.digests.text):
                raise StoreUnavailable(f"{one.item.item_id!r} has no vector")
            kind = "inserted" if known is None else "unchanged" if known.digests == one.digests else "updated"
            counts[kind] += 1
            if kind != "unchanged":
                arriving[one.item.item_id] = one
        stored.update(arriving)
        return WriteCounts(**counts)

    async def delete(self, item_ids: Sequence[str], budget: Budget) -> int:
        self._memory.check(budget)
        return sum(self._memory.items.pop(item_id, None) is not None for item_id in item_ids)

    async def list(self, after: str, limit: int, filters: Sequence[Filter], budget: Budget) -> Sequence[Item]:
        self._memory.check(budget)
        order = sorted(self._memory.items, key=str.encode)
        found = (self._memory.items[item_id].item for item_id in order if item_id.encode() > after.encode())
        return [item for item in found if passes(item, filters)][:limit]


class MemoryHistoryStore:
    """HistoryStore in memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def recent(self, user_id: str, limit: int, budget: Budget) -> Sequence[HistoryEvent]:
        self._memory.check(budget)
        positive = [one for one in self._memory.interactions.values() if one.user_id == user_id and one.weight > 0]
        oldest_first = sorted(positive, key=lambda one: one.time)
        newest_first = dict.fromkeys(one.item_id for one in reversed(oldest_first))
        items = self._memory.items
        fields = {item_id: items[item_id].item.fields for item_id in newest_first if item_id in items}
        return [HistoryEvent(item_id, fields.get(item_id)) for item_id in newest_first][:limit]

    async def latest_users(self, limit: int, budget: Budget) -> Sequence[str]:
        self._memory.check(budget)
        latest: dict[str, float] = {}
        for one in self._memory.interactions.values():
            if one.weight > 0:
                latest[one.user_id] = max(latest.get(one.user_id, one.time.timestamp()), one.time.timestamp())
        return sorted(latest, key=lambda user_id: (-latest[user_id], user_id))[:limit]


class MemoryFeedbackStore:
    """FeedbackStore in memory."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    async def record_interactions(self, interactions: Sequence[Interaction], budget: Budget) -> tuple[int, int]:
        self._memory.check(budget)
        for one in interactions:
            refuse_nul(one.user_id, one.event)
        unknown = [one.item_id for one in interactions if one.item_id not in self._memory.items]
        if unknown:
            raise NotFound("item", unknown[0], "upsert it first")
        recorded = attributed = 0
        for one in interactions:
            key = (one.user_id, one.item_id, one.event, one.time.timestamp())
            if key not in self._memory.interactions:
                self._memory.interactions[key] = one
                recorded += 1
                shown = self._memory.impressions.get(one.attribution_token)
                attributed += shown is not None and any(item.item_id == one.item_id for item in shown.items)
        return recorded, attributed

    async def record_impression(self, impression: Impression, budget: Budget) -> None:
        self._memory.check(budget)
        self._memory.impressions.setdefault(impression.attribution_token, impression)


def passes(item: Item, filters: Sequence[Filter]) -> bool:
    """Whether an item passes every filter."""
    return all(one.attribute in item.attributes and _passes(item.attributes[one.attribute], one) for one in filters)


def _passes(value: AttributeValue, one: Filter) -> bool:
    if one.kind is FilterKind.ANY_OF:
        labels = value if isinstance(value, tuple) else (value,)
        return any(isinstance(label, str) and label in one.values for label in labels)
    if one.kind is FilterKind.IN_RANGE:
        if isinstance(value, bool) or not isinstance(value, float):
            return False
        return (one.minimum is None or value >= one.minimum) and (one.maximum is None or value <= one.maximum)
    wanted = one.values[0]
    if isinstance(wanted, tuple) and isinstance(value, tuple):
        return set(wanted) == set(value)
    return type(wanted) is type(value) and wanted == value


def refuse_nul(*texts: str) -> None:
    """PostgreSQL cannot hold U+0000."""
    if any("\0" in text for text in texts):
        raise InvalidRequest(Violation("", "U+0000 cannot be stored"))
