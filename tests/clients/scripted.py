"""A real gRPC server on a free port whose methods do, call by call, what a test wrote down."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf import any_pb2, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.rpc import status_pb2

from crossrank.v1 import catalog_pb2, feedback_pb2, ranking_pb2

Context = grpc.aio.ServicerContext[Any, Any]
Step = Callable[[Any, Context], Awaitable[Sequence[Message]]]

_SERVICES = [
    *ranking_pb2.DESCRIPTOR.services_by_name.values(),
    *catalog_pb2.DESCRIPTOR.services_by_name.values(),
    *feedback_pb2.DESCRIPTOR.services_by_name.values(),
]


def answers(*messages: Message) -> Step:
    """A step that answers; several messages for a stream."""

    async def step(_request: Any, _context: Context) -> Sequence[Message]:
        return messages

    return step


def fails(code: grpc.StatusCode, message: str = "scripted", *details: Message, pushback_ms: int | None = None) -> Step:
    """A step that fails with google.rpc details and, when given, a push-back to the client's retries."""

    async def step(_request: Any, context: Context) -> Sequence[Message]:
        status = status_pb2.Status(code=code.value[0], message=message)
        for detail in details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        trailing: list[tuple[str, str | bytes]] = [("grpc-status-details-bin", status.SerializeToString())]
        if pushback_ms is not None:
            trailing.append(("grpc-retry-pushback-ms", str(pushback_ms)))
        await context.abort(code, message, tuple(trailing))
        raise AssertionError("abort returned")

    return step


@dataclass
class Received:
    """One call as the server saw it."""

    request: Any
    time_left_s: float | None
    metadata: dict[str, str | bytes]


@dataclass
class Script:
    """Steps of one method; the last one repeats. ``ended`` is set when a call was cancelled by its client."""

    steps: list[Step]
    received: list[Received] = field(default_factory=list)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def play(self, request: Any, context: Context) -> Sequence[Message]:
        metadata = {str(key): value for key, value in context.invocation_metadata() or ()}
        step = self.steps[min(len(self.received), len(self.steps) - 1)]
        self.received.append(Received(request, context.time_remaining(), metadata))
        try:
            return await step(request, context)
        except asyncio.CancelledError:
            self.cancelled.set()
            raise


class ScriptedServer:
    """Serves the API on 127.0.0.1. Methods without a script are unimplemented."""

    def __init__(
        self, options: Sequence[tuple[str, Any]] = (), credentials: grpc.ServerCredentials | None = None
    ) -> None:
        self.server = grpc.aio.server(options=options)
        if credentials is None:
            port = self.server.add_insecure_port("127.0.0.1:0")
        else:
            port = self.server.add_secure_port("127.0.0.1:0", credentials)
        self.target = f"127.0.0.1:{port}"
        self._scripts: dict[str, Script] = {}
        for service in _SERVICES:
            handlers = {method.name: self._handler(method) for method in service.methods}
            self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))

    def script(self, method: str, *steps: Step) -> Script:
        """Sets what ``method`` ("Rerank") does from now on."""
        self._scripts[method] = Script(list(steps))
        return self._scripts[method]

    async def __aenter__(self) -> Self:
        await self.server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.server.stop(None)

    async def _play(self, method: str, request: Any, context: Context) -> Sequence[Message]:
        if method not in self._scripts:
            await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"no script for {method}")
        return await self._scripts[method].play(request, context)

    def _handler(self, method: MethodDescriptor) -> "grpc.RpcMethodHandler[Any, Any]":
        codec = {
            "request_deserializer": message_factory.GetMessageClass(method.input_type).FromString,
            "response_serializer": lambda message: message.SerializeToString(),
        }

        async def unary(request: Any, context: Context) -> Message:
            return (await self._play(method.name, request, context))[0]

        async def upload(requests: AsyncIterator[Any], context: Context) -> Message:
            return (await self._play(method.name, requests, context))[0]

        async def stream(request: Any, context: Context) -> AsyncIterator[Message]:
            for message in await self._play(method.name, request, context):
                yield message

        if method.client_streaming:
            return grpc.stream_unary_rpc_method_handler(upload, **codec)
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(stream, **codec)
        return grpc.unary_unary_rpc_method_handler(unary, **codec)
