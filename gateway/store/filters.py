"""Typed filters to SQL conditions on ``items``. Everything of a request is a parameter, never SQL text."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from gateway.domain.values import Filter, FilterKind


@dataclass(frozen=True, slots=True)
class Condition:
    """SQL of our own with placeholders, and what belongs to them in order."""

    sql: str
    parameters: tuple[object, ...] = ()


ALWAYS = Condition("TRUE")


def matches_all(filters: Sequence[Filter]) -> Condition:
    """True for items that pass every filter. An item without the attribute passes none."""
    return every([_matches(one) for one in filters])


def every(conditions: Sequence[Condition]) -> Condition:
    """True where all are."""
    if not conditions:
        return ALWAYS
    sql = " AND ".join(condition.sql for condition in conditions)
    return Condition(sql, tuple(value for condition in conditions for value in condition.parameters))


def _matches(one: Filter) -> Condition:
    if one.kind is FilterKind.IN_RANGE:
        return _in_range(one)
    if one.kind is FilterKind.ANY_OF:
        return _any_of(one)
    return _equals(one)


def _equals(one: Filter) -> Condition:
    value = one.values[0]
    if not isinstance(value, tuple):
        return Condition("items.attributes @> %s::jsonb", (Jsonb({one.attribute: value}),))
    # Labels are a set: each side holds the other.
    return Condition(
        "(items.attributes @> %s::jsonb AND items.attributes -> %s::text <@ %s::jsonb)",
        (Jsonb({one.attribute: list(value)}), one.attribute, Jsonb(list(value))),
    )


def _any_of(one: Filter) -> Condition:
    """The text is one of the values, or the labels hold one of them."""
    documents = [Jsonb({one.attribute: shape}) for value in one.values for shape in (value, [value])]
    return Condition("items.attributes @> ANY (%s::jsonb[])", (documents,))


def _in_range(one: Filter) -> Condition:
    """Over the table of numbers, which has an index by value."""
    conditions = [Condition("numbers.item_id = items.item_id AND numbers.attribute = %s::text", (one.attribute,))]
    if one.minimum is not None:
        conditions.append(Condition("numbers.value >= %s::float8", (one.minimum,)))
    if one.maximum is not None:
        conditions.append(Condition("numbers.value <= %s::float8", (one.maximum,)))
    within = every(conditions)
    return Condition(f"EXISTS (SELECT FROM item_numbers AS numbers WHERE {within.sql})", within.parameters)
