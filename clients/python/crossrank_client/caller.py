"""What both clients are made of: their channels, one call, one upload. Knows no method of the API."""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from inspect import isawaitable
from typing import Any, ClassVar, TypeVar

import grpc

from crossrank_client.access import Metadata
from crossrank_client.calls import Call, CallPolicy, Rpc
from crossrank_client.channel import (
    MAX_REQUEST_BYTES,
    channel_options,
    health_channel_options,
    open_channel,
    shipped_service_config,
)
from crossrank_client.checks import several
from crossrank_client.uploads import Counts, Entry, Kind, Upload

HEALTH = "/grpc.health.v1.Health/Check"
Answer = TypeVar("Answer")


class Caller:
    """A client without its methods. On channels of threads it never waits for an event loop: what it calls has answered
    when the call returns."""

    _channels: ClassVar[Any] = grpc.aio

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        credentials: grpc.ChannelCredentials | None = None,
        timeout_s: float | None = None,
        raise_on_degraded: bool = False,
        metadata: Metadata | Callable[[], Metadata] = (),
        max_request_bytes: int = MAX_REQUEST_BYTES,
    ) -> None:
        service_config = shipped_service_config()
        given = metadata if callable(metadata) else tuple(metadata)
        self._policy = CallPolicy(service_config, timeout_s, given, raise_on_degraded)
        self._max_request_bytes = max_request_bytes
        self._channel = open_channel(self._channels, target, credentials, channel_options(service_config))
        self._health_channel = open_channel(self._channels, target, credentials, health_channel_options())

    async def _ask(self, rpc: Rpc[Answer], timeout_s: float | None, request_id: str) -> Answer:
        call = self._policy.call(rpc.method, timeout_s, request_id)
        channel = self._health_channel if rpc.method == HEALTH else self._channel
        with call.typed_errors():
            return rpc.read(await settled(begun(channel.unary_unary, rpc, call)))

    async def _upload(
        self, kind: Kind[Entry, Counts], values: object, timeout_s: float | None, request_id: str
    ) -> Counts:
        upload = Upload(kind, self._max_request_bytes)
        async for value in each(values if isinstance(values, AsyncIterable) else several(kind.field, values)):
            for rpc in upload.add(value):
                upload.count(await self._ask(rpc, timeout_s, request_id))
        for rpc in upload.rest():
            upload.count(await self._ask(rpc, timeout_s, request_id))
        return upload.total


def begun(kind: Callable[..., Any], rpc: Rpc[Any], call: Call) -> Any:
    """The call, made by a channel's method for this kind of calls."""
    method = kind(rpc.method, type(rpc.request).SerializeToString, rpc.response.FromString)
    return method(rpc.request, timeout=call.timeout_s, metadata=call.metadata)


async def settled(given: Any) -> Any:
    """What comes of it: of a channel of threads the thing itself."""
    return await given if isawaitable(given) else given


async def each(values: Any) -> AsyncIterator[Any]:
    """One after the other, as far as they are there."""
    if isinstance(values, AsyncIterable):
        async for one in values:
            yield one
    else:
        for one in values:
            yield one
