"""Candidates that most users liked: distinct users with a positive interaction."""

from collections.abc import Sequence

from psycopg import sql

from gateway.budget import Budget
from gateway.candidates.exclusion import allowed
from gateway.candidates.hits import to_candidates
from gateway.domain import Candidate, CandidateQuery
from gateway.store.database import Database

_QUERY = sql.SQL(
    "SELECT p.item_id, p.users FROM item_popularity p JOIN items i USING (item_id) WHERE {allowed} "
    "ORDER BY p.users DESC, p.item_id LIMIT %s"
)


class Popular:
    """Works for everybody, new users included."""

    name = "popular"

    def __init__(self, database: Database) -> None:
        self._database = database

    def fits(self, query: CandidateQuery) -> bool:
        """Always."""
        return True

    async def fetch(self, query: CandidateQuery, budget: Budget) -> Sequence[Candidate]:
        """At most ``query.limit``, most users first. The score is the number of users."""
        condition, parameters = allowed(query)
        statement = _QUERY.format(allowed=condition)
        return to_candidates(self.name, await self._database.rows(budget, statement, [*parameters, query.limit]))
