"""Which items may be proposed: one SQL condition on the item ``i`` that every source shares."""

from typing import Any

from psycopg import sql

from gateway.domain import CandidateQuery
from gateway.store.filters import conditions

_EXCLUDED = sql.SQL(" AND NOT i.item_id = ANY(%s)")
_SEEN = sql.SQL(" AND NOT EXISTS (SELECT FROM interactions seen WHERE seen.user_id = %s AND seen.item_id = i.item_id)")


def allowed(query: CandidateQuery) -> tuple[sql.Composable, list[Any]]:
    """(condition, parameters): all filters hold, and the item is neither excluded nor seen nor in the history."""
    condition, parameters = conditions(query.filters)
    excluded = set(query.exclude)
    if not query.include_history:
        excluded |= {event.item_id for event in query.history}
    if excluded:
        condition, parameters = condition + _EXCLUDED, [*parameters, sorted(excluded)]
    if query.seen_by is not None:
        condition, parameters = condition + _SEEN, [*parameters, query.seen_by]
    return condition, parameters
