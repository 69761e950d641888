"""Typed filters to SQL conditions on the item ``i``. Everything that a caller gave is a parameter, never SQL text."""

from collections.abc import Sequence
from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from gateway.domain import Filter, FilterKind
from gateway.store.values import to_json

_EQUALS = sql.SQL("i.attributes @> %s AND i.attributes -> %s = %s")
_ANY_OF = sql.SQL("jsonb_exists_any(i.attributes -> %s, %s)")
_IN_RANGE = sql.SQL(
    "CASE WHEN jsonb_typeof(i.attributes -> %s) = 'number' "
    "THEN (i.attributes ->> %s)::float8 BETWEEN %s AND %s ELSE false END"
)


def conditions(filters: Sequence[Filter]) -> tuple[sql.Composable, list[Any]]:
    """(condition that all filters hold, its parameters). An item without the attribute never matches."""
    parts: list[sql.Composable] = [sql.SQL("true")]
    parameters: list[Any] = []
    for one in filters:
        if one.kind is FilterKind.EQUALS:
            value = to_json(one.values[0])
            parts.append(_EQUALS)
            parameters += [Jsonb({one.attribute: value}), one.attribute, Jsonb(value)]
        elif one.kind is FilterKind.ANY_OF:
            parts.append(_ANY_OF)
            parameters += [one.attribute, [str(value) for value in one.values]]
        else:
            lowest = float("-inf") if one.minimum is None else one.minimum
            highest = float("inf") if one.maximum is None else one.maximum
            parts.append(_IN_RANGE)
            parameters += [one.attribute, one.attribute, lowest, highest]
    return sql.SQL(" AND ").join(parts), parameters
