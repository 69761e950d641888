"""What every call passes on its way in and out: request id, identity, deadline, metrics, audit, error to status. Knows
no service.

Health passes untouched: it is open, and a health watch has no deadline.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import grpc
import structlog

from gateway.domain.budget import Call
from gateway.domain.errors import DeadlineTooShort
from gateway.domain.limits import Limits
from gateway.identity.gate import Gate
from gateway.identity.roles import OPEN_PREFIX
from gateway.rpc import audit, calls, wellformed
from gateway.rpc.audit import Audit, audited
from gateway.rpc.outcomes import Outcome, counted
from gateway.rpc.status import status_of
from gateway.telemetry.metrics import Metrics

if TYPE_CHECKING:  # generic in its stubs only
    Interceptor = grpc.aio.ServerInterceptor[Any, Any]
    Handler = grpc.RpcMethodHandler[Any, Any]
    Context = grpc.aio.ServicerContext[Any, Any]
else:
    Interceptor = grpc.aio.ServerInterceptor

T = TypeVar("T")
_END = object()
_HANDLERS: dict[tuple[bool, bool], Callable[..., Any]] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


class CallInterceptor(Interceptor):
    """Wraps every handler of this project; the wrapped handler finds its Call with ``calls.current_call``."""

    def __init__(self, limits: Limits, metrics: Metrics, gate: Gate) -> None:
        self._limits = limits
        self._metrics = metrics
        self._gate = gate

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[Handler]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler":
        """Wraps the handler of the method called; an unknown method (None) stays UNIMPLEMENTED."""
        handler = await continuation(handler_call_details)
        if handler is None or handler_call_details.method.startswith(OPEN_PREFIX):
            return handler
        return self._wrapped(handler, handler_call_details.method)

    def _wrapped(self, handler: Any, method: str) -> "Handler":
        """The handler with its behaviour inside ``_served``. Streams are async generators on either side."""
        serve = handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream
        checked: Callable[[Any], Any] = wellformed.each if handler.request_streaming else wellformed.one
        watched: Callable[[Any, Audit], Any] = audit.each if handler.request_streaming else audit.one

        async def answer_once(request: Any, context: "Context") -> Any:
            async with self._served(method, context, handler.request_streaming) as (ends_at, record):
                return await _until(ends_at, serve(watched(checked(request), record), context))

        async def answer_stream(request: Any, context: "Context") -> AsyncIterator[Any]:
            async with (
                self._served(method, context, handler.request_streaming) as (ends_at, record),
                aclosing(serve(watched(checked(request), record), context)) as responses,
            ):
                while (response := await _until(ends_at, anext(responses, _END))) is not _END:
                    yield response

        wrapped: Handler = _HANDLERS[handler.request_streaming, handler.response_streaming](
            answer_stream if handler.response_streaming else answer_once,
            request_deserializer=wellformed.guarded(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )
        return wrapped

    @asynccontextmanager
    async def _served(
        self, method: str, context: "Context", streams_requests: bool
    ) -> AsyncIterator[tuple[float, Audit]]:
        """A call from arrival to status. Yields the loop's time at which its handler is stopped, and its audit."""
        request_id = calls.request_id_of(context.invocation_metadata() or ())
        structlog.contextvars.bind_contextvars(request_id=request_id)
        context.set_trailing_metadata(((calls.REQUEST_ID_KEY, request_id),))
        with counted(self._metrics, method) as outcome, audited(method, outcome) as record:
            try:
                caller = self._gate.caller(calls.shown_by(context))
                record.caller = caller.name
                caller.admit(method)
                budget = calls.budget_of(self._limits, context.time_remaining(), streams_requests)
                calls.enter(Call(request_id, budget, caller.name))
                ends_at = asyncio.get_running_loop().time() + budget.left_s + self._limits.answer_reserve_s / 2
                yield ends_at, record
                outcome.code = grpc.StatusCode.OK
            except asyncio.CancelledError as cancellation:
                if _caller_left():
                    outcome.code = self._code_of_leaving(context)
                    raise
                # A handler that cancels itself would leave its caller waiting: gRPC sends no status for it.
                await _abort(context, cancellation, outcome, request_id)
            except Exception as error:  # noqa: BLE001  the one place where any error becomes a status
                await _abort(context, error, outcome, request_id)

    def _code_of_leaving(self, context: "Context") -> grpc.StatusCode:
        """Whether the caller ran out of time or left earlier; its clock may be a little ahead of ours."""
        remaining_s = context.time_remaining()
        if remaining_s is not None and remaining_s <= self._limits.answer_reserve_s:
            return grpc.StatusCode.DEADLINE_EXCEEDED
        return grpc.StatusCode.CANCELLED


async def _until(ends_at: float, work: Awaitable[T]) -> T:
    """Stops ``work`` at the loop's time ``ends_at``: the backstop behind the budgets that stages keep themselves."""
    try:
        async with asyncio.timeout_at(ends_at) as limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise DeadlineTooShort("the work did not end inside the call's time; ask for less or allow more") from None
        raise


async def _abort(context: "Context", error: BaseException, outcome: Outcome, request_id: str) -> None:
    status = status_of(error)
    outcome.code, outcome.reason = status.code, status.reason
    await context.abort(status.code, status.message, (*status.trailers, (calls.REQUEST_ID_KEY, request_id)))


def _caller_left() -> bool:
    """Whether this task was asked to stop, as gRPC does when a caller cancels or its deadline passes."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
