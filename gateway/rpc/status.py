"""Errors to gRPC statuses: the only table from error class to code and google.rpc details. Knows no servicer."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import google.rpc.error_details_pb2 as error_details_pb2
import google.rpc.status_pb2 as status_pb2
import grpc
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from gateway.domain.errors import (
    CrossrankError,
    DeadlineTooShort,
    DependencyUnavailable,
    InternalFault,
    InvalidRequest,
    ModelAnswerInvalid,
    ModelMismatch,
    ModelOverloaded,
    ModelUnavailable,
    NotFound,
    Overloaded,
    PermissionDenied,
    StoreUnavailable,
    Unauthenticated,
)

DOMAIN = "crossrank"
DETAILS_KEY = "grpc-status-details-bin"
NO_RETRY = (("grpc-retry-pushback-ms", "-1"),)
"""Tells gRPC clients not to retry: an overloaded gateway must not get the same call three times."""

MAX_MESSAGE_BYTES = 800
MAX_DETAILS_BYTES = 3000
"""Both travel in the trailers, which clients refuse above 8 KiB (the message goes twice, the details as base64)."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """What a class of errors becomes. ``details`` makes the messages besides ErrorInfo."""

    code: grpc.StatusCode
    details: Callable[[Any], Sequence[Message]] = lambda error: ()
    trailers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CallStatus:
    """A status as a call is aborted with it."""

    code: grpc.StatusCode
    message: str
    trailers: tuple[tuple[str, str | bytes], ...]
    reason: str


def _field_violations(error: InvalidRequest) -> Sequence[Message]:
    details = error_details_pb2.BadRequest()
    for position, violation in enumerate(error.violations):
        details.field_violations.add(
            field=ascii_cut(violation.field, 200), description=ascii_cut(violation.description, 300)
        )
        if details.ByteSize() > MAX_DETAILS_BYTES:
            left_out = len(error.violations) - position
            details.field_violations[-1].CopyFrom(
                error_details_pb2.BadRequest.FieldViolation(description=f"{left_out} more violations are not listed")
            )
            break
    return (details,)


def _missing_resource(error: NotFound) -> Sequence[Message]:
    return (
        error_details_pb2.ResourceInfo(
            resource_type=error.kind,
            resource_name=ascii_cut(error.name, 300),
            description=ascii_cut(error.message, 300),
        ),
    )


def _retry_later(error: Overloaded) -> Sequence[Message]:
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(nanos=0))
    retry.retry_delay.FromNanoseconds(int(error.retry_after_s * 1e9))
    quota = error_details_pb2.QuotaFailure()
    quota.violations.add(subject="tokens in flight", description=ascii_cut(error.message, 300))
    return (retry, quota)


TABLE: Mapping[type[CrossrankError], Row] = {
    InvalidRequest: Row(grpc.StatusCode.INVALID_ARGUMENT, _field_violations),
    Unauthenticated: Row(grpc.StatusCode.UNAUTHENTICATED),
    PermissionDenied: Row(grpc.StatusCode.PERMISSION_DENIED),
    NotFound: Row(grpc.StatusCode.NOT_FOUND, _missing_resource),
    Overloaded: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, _retry_later, NO_RETRY),
    DeadlineTooShort: Row(grpc.StatusCode.DEADLINE_EXCEEDED),
    DependencyUnavailable: Row(grpc.StatusCode.UNAVAILABLE),
    ModelUnavailable: Row(grpc.StatusCode.UNAVAILABLE),
    ModelOverloaded: Row(grpc.StatusCode.RESOURCE_EXHAUSTED, trailers=NO_RETRY),
    StoreUnavailable: Row(grpc.StatusCode.UNAVAILABLE),
    InternalFault: Row(grpc.StatusCode.INTERNAL),
    ModelAnswerInvalid: Row(grpc.StatusCode.INTERNAL),
    ModelMismatch: Row(grpc.StatusCode.INTERNAL),
}


def status_of(error: BaseException) -> CallStatus:
    """The status of any error. An error that is not in the table is logged under an id; only the id leaves."""
    row = next((TABLE[kind] for kind in type(error).__mro__ if kind in TABLE), None)
    if row is None or not isinstance(error, CrossrankError):
        return _unexpected(error)
    return _status(row, error.message, error.reason, row.details(error))


def _unexpected(error: BaseException) -> CallStatus:
    fault_id = secrets.token_hex(8)
    _log.error("unexpected_error", fault_id=fault_id, exc_info=error)
    message = f"internal error {fault_id}: give this id to whoever runs the gateway, its log names the cause"
    return _status(Row(grpc.StatusCode.INTERNAL), message, InternalFault.reason, (), {"fault_id": fault_id})


def _status(
    row: Row, message: str, reason: str, details: Sequence[Message], metadata: Mapping[str, str] | None = None
) -> CallStatus:
    info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=metadata or {})
    code, _ = row.code.value
    status = status_pb2.Status(code=code, message=ascii_cut(message, MAX_MESSAGE_BYTES))
    for detail in (info, *details):
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return CallStatus(row.code, status.message, ((DETAILS_KEY, status.SerializeToString()), *row.trailers), reason)


def ascii_cut(text: str, max_bytes: int) -> str:
    """The text with everything but printable ASCII escaped, cut to ``max_bytes``: safe in metadata and terminals."""
    escaped = "".join(
        one if one.isascii() and one.isprintable() else one.encode("unicode_escape").decode("ascii")
        for one in text[: max_bytes + 1]
    )
    return escaped if len(escaped) <= max_bytes else f"{escaped[: max_bytes - 3]}..."
