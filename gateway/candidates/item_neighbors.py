"""Candidates that occur together with the recent history, from the table that indexing builds."""

from collections.abc import Sequence

from psycopg import sql

from gateway.budget import Budget
from gateway.candidates.exclusion import allowed
from gateway.candidates.hits import to_candidates
from gateway.domain import Candidate, CandidateQuery
from gateway.store.database import Database

RECENT_ITEMS = 20
"""History items that vote."""

DECAY = 0.8
"""The vote of an item is this to the power of its place in the history, the most recent one at 0."""

_QUERY = sql.SQL(
    """
    SELECT n.neighbor_id, sum(vote.weight * n.weight) AS score
    FROM unnest(%s::text[], %s::float8[]) AS vote(item_id, weight)
    JOIN item_neighbors n ON n.item_id = vote.item_id
    JOIN items i ON i.item_id = n.neighbor_id
    WHERE {allowed}
    GROUP BY n.neighbor_id ORDER BY score DESC, n.neighbor_id LIMIT %s
    """
)


class ItemNeighbors:
    """Item-based nearest neighbours (Sarwar et al., WWW 2001) with a vote that fades along the history."""

    name = "item_neighbors"

    def __init__(self, database: Database) -> None:
        self._database = database

    def fits(self, query: CandidateQuery) -> bool:
        """Whether there is a history."""
        return bool(query.history)

    async def fetch(self, query: CandidateQuery, budget: Budget) -> Sequence[Candidate]:
        """At most ``query.limit``, highest sum of fading votes first."""
        recent = list(dict.fromkeys(event.item_id for event in query.history))[:RECENT_ITEMS]
        votes = [DECAY**place for place in range(len(recent))]
        condition, parameters = allowed(query)
        statement = _QUERY.format(allowed=condition)
        rows = await self._database.rows(budget, statement, [recent, votes, *parameters, query.limit])
        return to_candidates(self.name, rows)
