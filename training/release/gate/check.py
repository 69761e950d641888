"""One named question of the gate and its answer. Knows no model."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Figure = float | int | str


class Outcome(StrEnum):
    """SKIPPED: what the question needs was not given, or an earlier answer makes it meaningless."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """``detail`` says in words what was found; ``figures`` in numbers."""

    name: str
    outcome: Outcome
    detail: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


def judged(name: str, faults: list[str], good: str, figures: Mapping[str, Figure] | None = None) -> Check:
    """Passed without a fault; else failed, with the first fault and their number."""
    if not faults:
        return Check(name, Outcome.PASSED, good, figures or {})
    more = f" ({len(faults)} in all)" if len(faults) > 1 else ""
    return Check(name, Outcome.FAILED, faults[0] + more, figures or {})


def skipped(name: str, reason: str) -> Check:
    """The result of a check that was not made, with the reason."""
    return Check(name, Outcome.SKIPPED, reason)
