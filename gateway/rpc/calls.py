"""The call being served: its request id, its time, and what it shows of its caller. Handlers find it with
``current_call``; knows no service."""

import re
import secrets
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, Protocol

from gateway.domain.budget import Budget, Call
from gateway.domain.errors import DeadlineTooShort
from gateway.domain.limits import Limits
from gateway.identity.caller import Shown

REQUEST_ID_KEY = "x-request-id"
_AUTHORIZATION_KEY = "authorization"
_CERTIFICATE = "x509_pem_cert"
_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
_current: ContextVar[Call] = ContextVar("call")


def current_call() -> Call:
    """The call that the running handler serves. Raises LookupError outside of one."""
    return _current.get()


def enter(call: Call) -> None:
    """Makes ``call`` current. Every call runs in a task of its own, so it ends with the task."""
    _current.set(call)


def request_id_of(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The caller's x-request-id if it is short and plain, otherwise a new one."""
    given = next((value for key, value in metadata if key == REQUEST_ID_KEY), "")
    if isinstance(given, str) and _SANE_ID.fullmatch(given):
        return given
    return secrets.token_hex(16)


class Connected(Protocol):
    """The part of gRPC's context that tells of the caller."""

    def invocation_metadata(self) -> Any:
        """Pairs of key and value, or None."""

    def auth_context(self) -> Any:
        """Lists of bytes by property of the connection."""


def shown_by(context: Connected) -> Shown:
    """What a call shows of its caller."""
    headers = [value for key, value in context.invocation_metadata() or () if key == _AUTHORIZATION_KEY]
    return Shown(headers, lambda: b"".join(context.auth_context().get(_CERTIFICATE, ())))


def budget_of(limits: Limits, time_remaining_s: float | None, streams_requests: bool) -> Budget:
    """What a call may spend: its deadline or the default, capped, less the reserve to answer. Raises
    DeadlineTooShort when nothing is left."""
    default_s, most_s = (
        (limits.max_upload_s, limits.max_upload_s)
        if streams_requests
        else (limits.default_deadline_s, limits.max_deadline_s)
    )
    allowed_s = min(default_s if time_remaining_s is None else time_remaining_s, most_s)
    if allowed_s <= limits.answer_reserve_s:
        raise DeadlineTooShort(
            f"{allowed_s * 1000:.1f} ms were left of the deadline on arrival; {limits.answer_reserve_s * 1000:.0f} ms "
            f"are kept back to answer: give the call more time (without a deadline it has {default_s:g} s)"
        )
    return Budget(allowed_s - limits.answer_reserve_s)
