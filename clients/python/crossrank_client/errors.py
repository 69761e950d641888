"""Every error a caller can meet, made from gRPC statuses and their google.rpc details, or before anything was sent.

CrossrankError
├── CrossrankCallError              no answer came: ``code``, ``reason``, ``message``, ``retry_after_s``
│   ├── CrossrankRequestInvalid     the request can never succeed as it is: ``violations``
│   ├── CrossrankNotFound           something named in the request does not exist
│   ├── CrossrankDenied             the caller may not do this
│   ├── CrossrankOverloaded         refused for lack of capacity: wait ``retry_after_s``, then retry
│   ├── CrossrankDeadlineExceeded   no answer within the call's timeout
│   ├── CrossrankUnavailable        the service, or a part that the call requires, is away
│   └── CrossrankServerFault        the service's own fault, or a status that the API does not define
└── CrossrankDegraded               an answer came, but less than it could be: ``result``
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from crossrank_client.results import RankedList


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault of a request: the field's path, and what was received and what is allowed."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Failure:
    """What a failed call said. ``reason`` is the service's stable code ("" where the transport itself failed)."""

    code: grpc.StatusCode
    message: str
    reason: str = ""
    request_id: str = ""
    violations: tuple[Violation, ...] = ()
    retry_after_s: float | None = None


class CrossrankError(Exception):
    """Base of all. ``request_id`` is what the service's logs call the request; "" where nothing was sent."""

    def __init__(self, message: str, request_id: str) -> None:
        super().__init__(f"{message} [request {request_id}]" if request_id else message)
        self.request_id = request_id


class CrossrankCallError(CrossrankError):
    """No answer came."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.code.name}: {failure.message}", failure.request_id)
        self.code = failure.code
        self.reason = failure.reason
        self.message = failure.message
        self.retry_after_s = failure.retry_after_s


class CrossrankRequestInvalid(CrossrankCallError):
    """The request breaks limits: correct it. The service lists all violations; what no message can hold is refused
    by the client, the first one found, before anything is sent."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.violations = failure.violations

    @classmethod
    def unsent(cls, field: str, description: str) -> "CrossrankRequestInvalid":
        """The client's own refusal, in the form of the service's."""
        violations = (Violation(field, description),)
        message = f"not sent: {field}: {description}"
        return cls(Failure(grpc.StatusCode.INVALID_ARGUMENT, message, "INVALID_REQUEST", violations=violations))


class CrossrankNotFound(CrossrankCallError):
    """A user, item, model or source named in the request does not exist."""


class CrossrankDenied(CrossrankCallError):
    """The caller is unknown or may not do this."""


class CrossrankOverloaded(CrossrankCallError):
    """Refused for lack of capacity. ``retry_after_s`` is the service's hint, None where it gave none."""


class CrossrankDeadlineExceeded(CrossrankCallError):
    """No answer within the call's timeout."""


class CrossrankUnavailable(CrossrankCallError):
    """The service, or a part that the call requires, is away; retries of the service config are used up."""


class CrossrankServerFault(CrossrankCallError):
    """The service's own fault, or a status that the API does not define."""


class CrossrankDegraded(CrossrankError):
    """The answer is less than it could be, and the caller asked to be told so. ``result`` is the answer."""

    def __init__(self, result: RankedList) -> None:
        reasons = "; ".join(f"{one.reason}: {one.detail}" for one in result.metadata.degraded)
        super().__init__(f"degraded answer: {reasons}", result.metadata.request_id)
        self.result = result


_CLASSES: dict[grpc.StatusCode, type[CrossrankCallError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: CrossrankRequestInvalid,
    grpc.StatusCode.OUT_OF_RANGE: CrossrankRequestInvalid,
    grpc.StatusCode.NOT_FOUND: CrossrankNotFound,
    grpc.StatusCode.UNAUTHENTICATED: CrossrankDenied,
    grpc.StatusCode.PERMISSION_DENIED: CrossrankDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: CrossrankOverloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: CrossrankDeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: CrossrankUnavailable,
}


class FailedCall(Protocol):
    """What gRPC raises, asynchronous or not."""

    def code(self) -> grpc.StatusCode: ...
    def details(self) -> str | None: ...
    def trailing_metadata(self) -> Iterable[Any] | None: ...


def error_of(call: FailedCall, request_id: str) -> CrossrankCallError:
    """The typed error of a failed call."""
    failure = _failure(call, request_id)
    if failure.code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in failure.message:
        return CrossrankRequestInvalid(failure)  # the transport refused the message for its size: waiting is no help
    return _CLASSES.get(failure.code, CrossrankServerFault)(failure)


def _failure(call: FailedCall, request_id: str) -> Failure:
    reason = ""
    violations: tuple[Violation, ...] = ()
    retry_after_s: float | None = None
    for detail in _details(call):
        info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(bad):
            violations = tuple(Violation(one.field, one.description) for one in bad.field_violations)
        elif detail.Unpack(retry):
            retry_after_s = retry.retry_delay.ToTimedelta().total_seconds()
    return Failure(call.code(), call.details() or "", reason, request_id, violations, retry_after_s)


def _details(call: FailedCall) -> Sequence[any_pb2.Any]:
    trailers = {key: value for key, value in call.trailing_metadata() or ()}  # noqa: C416  pairs, not a mapping
    try:
        status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
    except DecodeError:
        return ()
    ours = (status.code, status.message) == (call.code().value[0], call.details() or "")
    return status.details if ours else ()  # details that contradict the status are somebody else's
