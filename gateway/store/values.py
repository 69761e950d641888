"""Domain values to PostgreSQL's and back: attributes as JSON, vectors as text. Knows no tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.domain import AttributeValue

EMBEDDING_SIZE = 384
"""Of the bi-encoder and of the column items.embedding."""


def to_json(value: AttributeValue) -> Any:
    """Labels become a list; the rest is JSON already."""
    return list(value) if isinstance(value, tuple) else value


def attributes_to_json(attributes: Mapping[str, AttributeValue]) -> dict[str, Any]:
    """All attributes of an item."""
    return {name: to_json(value) for name, value in attributes.items()}


def attributes_from_json(stored: Mapping[str, Any]) -> dict[str, AttributeValue]:
    """All attributes of an item; numbers are floats, as they were given."""
    return {name: _from_json(value) for name, value in stored.items()}


def vector_text(vector: Sequence[float]) -> str:
    """pgvector's text form."""
    return "[" + ",".join(f"{value:.8g}" for value in vector) + "]"


def _from_json(value: Any) -> AttributeValue:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    known: AttributeValue = value
    return known
