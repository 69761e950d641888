"""References to items as text: an item id, or an item id with the text fields that are left out of it. Knows no
catalogue."""

from collections.abc import Sequence

_DROPPED = "\x1e"
_NEXT = "\x1d"


def without_fields(item_id: str, dropped: Sequence[str]) -> str:
    """A reference to an item whose fields ``dropped`` are not shown."""
    return item_id + _DROPPED + _NEXT.join(sorted(dropped)) if dropped else item_id


def parse_reference(reference: str) -> tuple[str, frozenset[str]]:
    """Item id and dropped fields of a reference."""
    item_id, _, dropped = reference.partition(_DROPPED)
    return item_id, frozenset(dropped.split(_NEXT)) if dropped else frozenset()


def whole(reference: str) -> str:
    """The item id of a reference."""
    return parse_reference(reference)[0]
