"""Checks that a value can stand in a message, before anything is sent. Knows no message and no bound of the service."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import inf, isfinite
from numbers import Integral, Real
from reprlib import repr as shown
from typing import Any

from crossrank_client.errors import CrossrankRequestInvalid

_MAX_WHOLE = 2**32 - 1


def refused(path: str, value: object, expected: str) -> CrossrankRequestInvalid:
    """The error that names a field as the service does, what stood there, and what is expected."""
    return CrossrankRequestInvalid.unsent(path, f"received {shown(value)} ({type(value).__name__}); {expected}")


def text(path: str, value: object) -> str:
    """A text that UTF-8 can carry."""
    if not isinstance(value, str):
        raise refused(path, value, "a text (str)")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as fault:
            place = f"U+{ord(value[fault.start]):04X} at position {fault.start}"
            raise refused(path, value, f"a text without lone surrogates: remove {place}") from None
    return value


def texts(path: str, values: object) -> list[str]:
    """Texts, in order."""
    return [text(f"{path}[{position}]", one) for position, one in enumerate(several(path, values))]


def text_map(path: str, values: object) -> Mapping[str, str]:
    """Texts by name."""
    given = mapping(path, values)
    for name, one in given.items():
        if not (
            isinstance(one, str) and one.isascii()
        ):  # to name the fields that are right would take most of the time
            text(f"{path}[{shown(name)}]", one)
    return given


def mapping(path: str, values: object) -> Mapping[str, Any]:
    """A mapping whose keys are texts."""
    if not isinstance(values, Mapping):
        raise refused(path, values, "a mapping of names to values")
    for name in values:
        if not (isinstance(name, str) and name.isascii()):
            text(f"{path}[{shown(name)}].key", name)
    return values


def several(path: str, values: object) -> Iterable[object]:
    """Anything to iterate over but a single text, whose characters nobody means."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise refused(path, values, "several values, such as a list")
    return values


def number(path: str, value: object) -> float:
    """A finite number."""
    if isinstance(value, Real) and not isinstance(value, bool):
        try:
            given = float(value)
        except OverflowError:
            given = inf
        if isfinite(given):
            return given
    raise refused(path, value, "a finite number")


def optional_number(path: str, value: object) -> float | None:
    """A finite number, or None where it is not known."""
    return None if value is None else number(path, value)


def whole(path: str, value: object) -> int:
    """A whole number that the API's unsigned fields hold."""
    if isinstance(value, Integral) and not isinstance(value, bool) and 0 <= int(value) <= _MAX_WHOLE:
        return int(value)
    raise refused(path, value, f"a whole number, 0 to {_MAX_WHOLE}")


def flag(path: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise refused(path, value, "True or False")
    return value


def moment(path: str, value: object) -> datetime:
    """A time that knows its zone."""
    if not isinstance(value, datetime):
        raise refused(path, value, "a datetime with a time zone")
    if value.utcoffset() is None:
        raise CrossrankRequestInvalid.unsent(
            path, f"{value.isoformat()} has no time zone; give one, for example datetime.timezone.utc"
        )
    return value
