"""Items that most users liked: candidates for users of whom nothing is known."""

from collections.abc import Sequence

from gateway.candidates.eligible import as_candidates, eligible
from gateway.domain.budget import Budget
from gateway.domain.values import Candidate, CandidateQuery
from gateway.store.pool import Database


class Popular:
    """CandidateSource on the table ``item_popularity``; the score is the number of users."""

    name = "popular"

    def __init__(self, database: Database) -> None:
        self._database = database

    def fits(self, query: CandidateQuery) -> bool:
        """Not for a query text alone: what most people like says nothing about it."""
        return bool(query.history) or not query.query

    async def fetch(self, query: CandidateQuery, budget: Budget) -> Sequence[Candidate]:
        """The most popular items, ties in order of id."""
        condition = eligible(query)
        statement = f"""
            SELECT items.item_id, item_popularity.users::float8
            FROM item_popularity JOIN items USING (item_id)
            WHERE item_popularity.users > 0 AND {condition.sql}
            ORDER BY item_popularity.users DESC, item_popularity.item_id LIMIT %s
        """
        rows = await self._database.fetch(statement, [*condition.parameters, query.limit], budget)
        return as_candidates(self.name, rows)
