"""Values of an item's field (its authors, its genres), who shares them, and the rule that ranks by sharing. Knows no
model: it is what a re-ranker must beat that only repeats what a user had."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.history import History
from training.errors import TrainingError

Items = Mapping[str, Mapping[str, str]]
"""Item id to its fields' texts."""


@dataclass(frozen=True, slots=True)
class SharedField:
    """Any of the characters ``separators`` stands between values of one cell; " ": white space; none: the cell is one
    value."""

    name: str
    separators: str = ""

    def values(self, fields: Mapping[str, str]) -> frozenset[str]:
        """Of one item, in lower case; none when it lacks the field."""
        text = fields.get(self.name, "").casefold()
        between = re.escape(self.separators).replace(r"\ ", r"\s")
        parts = re.split(f"[{between}]", text) if between else [text]
        return frozenset(part.strip() for part in parts if part.strip())

    @property
    def row(self) -> str:
        """Name of the rule's row."""
        return f"same_{self.name}"


KNOWN_FIELDS = (
    SharedField("authors", ","),
    SharedField("author", ","),
    SharedField("series"),
    SharedField("brand"),
    SharedField("category"),
    SharedField("genres", " ,|;"),
)
"""Tried when nobody names fields; those that no item has are left out."""


KINDS: Mapping[str, str] = {"text": "", "words": " ", "labels": "|", "commas": ","}
"""How a cell is read, to what separates its values."""


class FieldInvalid(TrainingError):
    """A choice of field that cannot be used."""


def parse_field(text: str) -> SharedField:
    """ "authors:commas" as a field. Raises FieldInvalid."""
    name, _, kind = text.rpartition(":")
    if not name or kind not in KINDS:
        raise FieldInvalid(f"{text!r} is not NAME:KIND", f"KIND is one of {', '.join(KINDS)}")
    return SharedField(name, KINDS[kind])


def present(fields: Sequence[SharedField], items: Items) -> tuple[SharedField, ...]:
    """The fields of which at least one item has a value."""
    return tuple(one for one in fields if any(one.values(item) for item in items.values()))


def same_field_order(
    field: SharedField, first_stage: Sequence[str], history: History[str], items: Items
) -> tuple[str, ...]:
    """Items that share a value with the most recent history item, then the others, both in first-stage order."""
    recent = field.values(items.get(history.oldest_first[-1], {})) if history else frozenset()
    shares = {item_id: bool(recent & field.values(items.get(item_id, {}))) for item_id in first_stage}
    return tuple(sorted(first_stage, key=lambda item_id: not shares[item_id]))


def words(fields: Mapping[str, str]) -> frozenset[str]:
    """All words of all fields, in lower case."""
    return frozenset(word for text in fields.values() for word in text.casefold().split())
