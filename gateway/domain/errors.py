"""Every error a caller can meet. Knows no transport: gateway/rpc/status.py maps each class to a gRPC status.

CrossrankError
├── InvalidRequest          the request can never succeed as it is
├── Unauthenticated         nobody knows who calls
├── PermissionDenied        the caller may not do this
├── NotFound                something named in the request does not exist
├── Overloaded              refused for lack of capacity: back off, then retry
├── DeadlineTooShort        the budget ended before a required answer
├── DependencyUnavailable   a part behind the gateway is away: retry elsewhere or later
│   ├── ModelUnavailable
│   │   └── ModelOverloaded
│   └── StoreUnavailable
└── InternalFault           our own fault
    ├── ModelAnswerInvalid  the model's answer has the wrong form
    └── ModelMismatch       the served model is not the one its files describe
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault of a request: the field's path, and what was received, what is allowed, what to do."""

    field: str
    description: str


class CrossrankError(Exception):
    """Base of all. ``reason`` is a stable UPPER_SNAKE code for machines; the message is for people."""

    reason = "CROSSRANK"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(CrossrankError):
    """The request breaks limits; all violations found are listed."""

    reason = "INVALID_REQUEST"

    def __init__(self, *violations: Violation) -> None:
        super().__init__("; ".join(f"{violation.field}: {violation.description}" for violation in violations))
        self.violations = violations


class Unauthenticated(CrossrankError):
    """The call shows no credential, or one that is not accepted."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(CrossrankError):
    """The caller is known and lacks the role that the method needs."""

    reason = "PERMISSION_DENIED"


class NotFound(CrossrankError):
    """A named model, item or user does not exist."""

    reason = "NOT_FOUND"

    def __init__(self, kind: str, name: str, remedy: str) -> None:
        super().__init__(f"{kind} {name!r} does not exist; {remedy}")
        self.kind = kind
        self.name = name


class Overloaded(CrossrankError):
    """Admission refused the request: ``retry_after_s`` is a hint."""

    reason = "OVERLOADED"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class DeadlineTooShort(CrossrankError):
    """The budget ended before an answer that the caller required."""

    reason = "DEADLINE_TOO_SHORT"


class DependencyUnavailable(CrossrankError):
    """A part behind the gateway is away."""

    reason = "DEPENDENCY_UNAVAILABLE"


class ModelUnavailable(DependencyUnavailable):
    """No model server gives right answers at the moment."""

    reason = "MODEL_UNAVAILABLE"


class ModelOverloaded(ModelUnavailable):
    """The model server's queue refused or timed out the work."""

    reason = "MODEL_OVERLOADED"


class StoreUnavailable(DependencyUnavailable):
    """PostgreSQL is away, slow or refuses writes."""

    reason = "STORE_UNAVAILABLE"


class InternalFault(CrossrankError):
    """Our own fault."""

    reason = "INTERNAL"


class ModelAnswerInvalid(InternalFault):
    """The model's answer has the wrong shape or type."""

    reason = "MODEL_ANSWER_INVALID"


class ModelMismatch(InternalFault):
    """Fingerprint or golden pairs of the served model differ from its files."""

    reason = "MODEL_MISMATCH"


OUTAGES = (DependencyUnavailable, DeadlineTooShort, ModelAnswerInvalid)
"""What a candidate source may fail with while the list is made without it; anything else is a fault of the request or
ours."""
