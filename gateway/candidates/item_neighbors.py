"""Items that those of the history speak for, by what users liked together. Knows no text."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.candidates.eligible import as_candidates, eligible
from gateway.domain.budget import Budget
from gateway.domain.values import Candidate, CandidateQuery
from gateway.store.pool import Database


@dataclass(frozen=True, slots=True)
class ItemNeighborsSettings:
    """Chosen on valid lists of goodbooks and MovieLens 100K: how many recent items vote, and how much less each older
    one says."""

    history_items: int = 30
    recency_decay: float = 0.9


class ItemNeighbors:
    """CandidateSource on ``item_neighbors``; the score is the sum of ``recency_decay ** position * weight``."""

    name = "item_neighbors"

    def __init__(self, database: Database, settings: ItemNeighborsSettings = ItemNeighborsSettings()) -> None:
        self._database = database
        self._settings = settings

    def fits(self, query: CandidateQuery) -> bool:
        """Whether the query has a history, whose items can vote."""
        return bool(query.history)

    async def fetch(self, query: CandidateQuery, budget: Budget) -> Sequence[Candidate]:
        """Neighbours of the most recent distinct items; an item has as many as were kept for it, so that fewer than
        the limit may come back."""
        history = list(dict.fromkeys(event.item_id for event in query.history))[: self._settings.history_items]
        decays = [self._settings.recency_decay**position for position in range(len(history))]
        condition = eligible(query)
        # Added up in the order of the history: the same neighbours give the same sum, to the last bit.
        statement = f"""
            SELECT items.item_id, sum(item_neighbors.weight * recent.decay ORDER BY recent.position) AS score
            FROM unnest(%s::text[], %s::float8[]) WITH ORDINALITY AS recent (item_id, decay, position)
            JOIN item_neighbors ON item_neighbors.item_id = recent.item_id
            JOIN items ON items.item_id = item_neighbors.neighbor_id
            WHERE {condition.sql}
            GROUP BY items.item_id ORDER BY score DESC, items.item_id LIMIT %s
        """
        parameters = [history, decays, *condition.parameters, query.limit]
        return as_candidates(self.name, await self._database.fetch(statement, parameters, budget))
