"""Checks values against rules and collects every violation of a request. Knows no message."""

import math
import re
import unicodedata
from collections.abc import Collection, Sequence

from gateway.domain.errors import InvalidRequest, Violation
from gateway.domain.rules import Characters, CountRule, NumberRule, Rules, TextRule

MAX_LISTED = 32
"""Violations that an error lists; the rest is counted."""

_NAME = re.compile(r"[A-Za-z0-9_-]*")


class Checks:
    """Collects the violations of one request. Methods return the value, so that decoding goes on to find the rest."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._violations: list[Violation] = []
        self._unlisted = 0

    def fault(self, field: str, description: str) -> None:
        """Notes a violation: what was received; what is allowed: what to do."""
        if len(self._violations) < MAX_LISTED:
            self._violations.append(Violation(field, description))
        else:
            self._unlisted += 1

    def refuse_faults(self) -> None:
        """Raises InvalidRequest if there was any violation."""
        if self._unlisted:
            self._violations.append(Violation("", f"{self._unlisted} more violations are not listed"))
        if self._violations:
            raise InvalidRequest(*self._violations)

    def text(self, field: str, value: str, rule: TextRule) -> str:
        """Checks size and characters."""
        size = len(value) if value.isascii() else len(value.encode())
        if size > rule.max_bytes:
            self.fault(field, f"received {size} UTF-8 bytes; at most {rule.max_bytes}: shorten it")
        elif size < rule.min_bytes:
            self.fault(field, f"received an empty text; {rule.min_bytes} to {rule.max_bytes} UTF-8 bytes: set it")
        elif (bad := _first_refused(value, rule.characters)) >= 0:
            self.fault(field, f"received U+{ord(value[bad]):04X} at position {bad}; {rule.characters.value}: remove it")
        return value

    def fine(self, values: Collection[str], rule: TextRule) -> bool:
        """Whether ``text`` surely finds no fault in any of them: spares naming every field of a request that is right.
        False also where only a closer look could tell."""
        joined, sizes = "".join(values), [*map(len, values)] or [rule.min_bytes]
        widest = 1 if joined.isascii() else 4  # bytes of a character in UTF-8
        fit = rule.min_bytes <= min(sizes) and max(sizes) * widest <= rule.max_bytes
        return fit and _first_refused(joined, rule.characters) < 0

    def count(self, field: str, received: int, rule: CountRule) -> bool:
        """Whether the number of things is legal; the caller decodes them only then."""
        if rule.minimum <= received <= rule.maximum:
            return True
        remedy = "send fewer" if received > rule.maximum else "send at least one"
        self.fault(field, f"received {received} {rule.noun}; {rule.minimum} to {rule.maximum}: {remedy}")
        return False

    def number(self, field: str, value: float, rule: NumberRule) -> float:
        """Checks that a number is finite and in range."""
        if not math.isfinite(value):
            self.fault(field, f"received {value}; a finite number: leave it out where it is not known")
        elif not rule.minimum <= value <= rule.maximum:
            self.fault(field, f"received {value:g}; {rule.minimum:g} to {rule.maximum:g}: choose one in range")
        return value

    def unique(self, field: str, member: str, values: Sequence[str]) -> None:
        """Checks that no value comes twice; ``member`` is the path below the repeated field (".item_id" or "")."""
        if len(set(values)) == len(values):
            return
        first: dict[str, int] = {}
        for position, value in enumerate(values):
            before = first.setdefault(value, position)
            if before != position:
                self.fault(
                    f"{field}[{position}]{member}",
                    f"received {shown(value)} again, first at {field}[{before}]; each once: leave one out",
                )


def shown(value: str) -> str:
    """An id or name as errors quote it: cut, so that a message stays readable."""
    return repr(value if len(value) <= 40 else f"{value[:40]}…")


def _first_refused(value: str, characters: Characters) -> int:
    """Position of the first character that is not allowed, or -1."""
    if characters is Characters.TEXT:
        return value.find("\0")
    if characters is Characters.NAME:
        matched = _NAME.match(value)
        return matched.end() if matched and matched.end() < len(value) else -1
    if value.isprintable():
        return -1
    return next((place for place, one in enumerate(value) if unicodedata.category(one) == "Cc"), -1)
