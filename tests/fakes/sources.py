"""Candidate sources in memory: the most liked items that a query allows, and the items whose texts are near to it."""

from collections.abc import Mapping, Sequence

from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError, StoreUnavailable
from gateway.domain.values import Candidate, CandidateQuery, Interaction, Item, SourceHit
from gateway.encoding.item_text import item_text
from tests.fakes.embedders import embed_words
from tests.fakes.stores import passes


class MemoryPopular:
    """CandidateSource over lists of items and interactions."""

    name = "popular"

    def __init__(self, items: Sequence[Item], interactions: Sequence[Interaction]) -> None:
        self._items = items
        self._interactions = interactions

    def fits(self, query: CandidateQuery) -> bool:
        return bool(query.history) or not query.query

    async def fetch(self, query: CandidateQuery, budget: Budget) -> Sequence[Candidate]:
        if budget.spent:
            raise StoreUnavailable("no time was left")
        users = {item.item_id: len(self._likers(item.item_id)) for item in self._items}
        seen = {one.item_id for one in self._interactions if one.user_id == query.seen_by}
        history = set() if query.include_history else {event.item_id for event in query.history}
        refused = seen | history | query.exclude
        named = users.keys() if query.among is None else query.among
        allowed = [
            item.item_id
            for item in self._items
            if passes(item, query.filters) and item.item_id in named and item.item_id not in refused
        ]
        order = sorted(
            (item_id for item_id in allowed if users[item_id]), key=lambda item_id: (-users[item_id], item_id)
        )
        return hits_of(self.name, order[: query.limit], [float(users[item_id]) for item_id in order])

    def _likers(self, item_id: str) -> set[str]:
        return {one.user_id for one in self._interactions if one.item_id == item_id and one.weight > 0}


class MemoryTexts:
    """CandidateSource over the texts of items, by the cosine of their words to the query. ``fault``: what it raises."""

    name = "text_ann"

    def __init__(self, items: Mapping[str, Item]) -> None:
        self._items = items
        self.queries: list[CandidateQuery] = []
        self.fault: CrossrankError | None = None

    def fits(self, query: CandidateQuery) -> bool:
        return bool(query.query)

    async def fetch(self, query: CandidateQuery, budget: Budget) -> Sequence[Candidate]:
        self.queries.append(query)
        if self.fault:
            raise self.fault
        profile = embed_words(query.query)
        near = {
            item_id: float(embed_words(item_text(item.fields)) @ profile)
            for item_id, item in self._items.items()
            if query.among is None or item_id in query.among
        }
        order = sorted(near, key=lambda item_id: (-near[item_id], item_id))[: query.limit]
        return hits_of(self.name, order, [near[item_id] for item_id in order])


def hits_of(source: str, item_ids: Sequence[str], scores: Sequence[float] = ()) -> list[Candidate]:
    """Candidates of one source in this order."""
    scores = scores or [1.0 / rank for rank in range(1, len(item_ids) + 1)]
    return [
        Candidate(item_id, rank, scores[rank - 1], (SourceHit(source, rank, scores[rank - 1]),))
        for rank, item_id in enumerate(item_ids, start=1)
    ]
