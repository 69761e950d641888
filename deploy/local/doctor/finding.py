"""What one check of the doctor found. Knows nothing of the checks."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding that is not ok matters: an error stops the stack from working, a warning does not."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of a check: `detail` says what was seen, `remedy` what to do when it is not ok."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""
    severity: Severity = Severity.ERROR


def good(name: str, detail: str) -> Finding:
    """Nothing to do."""
    return Finding(name, True, detail)


def bad(name: str, detail: str, remedy: str, severity: Severity = Severity.ERROR) -> Finding:
    """Something to do."""
    return Finding(name, False, detail, remedy, severity)
