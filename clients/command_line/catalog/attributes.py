"""Which columns of a table become typed attributes, that filters test. Must not know any data set or file."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.domain.values import AttributeValue


class AttributeInvalid(ValueError):
    """A choice of attribute, or a cell, that cannot be used; the message says what was given and what is expected."""


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("it is not finite")
    return value


def _flag(text: str) -> bool:
    flags = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in flags:
        raise ValueError("it is none of true, false, 1, 0")
    return flags[text.lower()]


def _labels(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label.strip() for label in text.split("|") if label.strip()))


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split()))


KINDS: Mapping[str, Callable[[str], AttributeValue]] = {
    "text": str,
    "number": _number,
    "flag": _flag,
    "labels": _labels,
    "words": _words,
}
"""How a cell is read: ``labels`` are separated by "|", ``words`` (labels too) by white space."""


@dataclass(frozen=True, slots=True)
class AttributeColumn:
    """A text column that becomes an attribute of the same name. ``lenient``: a cell that cannot be read gives none."""

    name: str
    kind: str
    lenient: bool = False

    def value(self, text: str) -> AttributeValue | None:
        """Of a cell that is not empty. Raises AttributeInvalid."""
        try:
            return KINDS[self.kind](text)
        except ValueError as fault:
            if self.lenient:
                return None
            raise AttributeInvalid(f"{self.name} is {text!r}, which is no {self.kind}: {fault}") from fault


def parse_column(text: str) -> AttributeColumn:
    """ "year:number" as a column. Raises AttributeInvalid."""
    name, colon, kind = text.rpartition(":")
    if not colon or not name or kind not in KINDS:
        raise AttributeInvalid(f"{text!r} is not NAME:KIND with KIND one of {', '.join(KINDS)}")
    return AttributeColumn(name, kind)


def read_attributes(columns: Sequence[AttributeColumn], fields: Mapping[str, str]) -> dict[str, AttributeValue]:
    """Values by name; a cell that is empty or missing gives none. Raises AttributeInvalid."""
    return {
        column.name: value
        for column in columns
        if (text := fields.get(column.name)) and (value := column.value(text)) is not None
    }
