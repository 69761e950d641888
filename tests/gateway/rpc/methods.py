"""Every method of the API, found in the descriptors, called with bytes: so a new method cannot miss the tests."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2

from crossrank.v1 import catalog_pb2, feedback_pb2, ranking_pb2
from gateway.rpc.open_inference import SERVED

Metadata = Sequence[tuple[str, str]]

_STATUS_LOST = "Internal error from Core"
"""What a client of grpc.aio is sometimes told instead of the status, where the server ends a stream that it writes."""

_MOST_SENDINGS = 20


@dataclass(frozen=True)
class Method:
    """One method with its way of calling."""

    descriptor: MethodDescriptor

    @property
    def path(self) -> str:
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @property
    def input(self) -> Descriptor:
        return self.descriptor.input_type

    def parse_answer(self, data: bytes) -> Message:
        """The answer as a message. Raises when it is not one."""
        return GetMessageClass(self.descriptor.output_type).FromString(data)

    def send(
        self, channel: grpc.aio.Channel, data: bytes, timeout_s: float, metadata: Metadata = ()
    ) -> Awaitable[list[bytes]]:
        """Sends one request message; returns all answers."""
        return self._send(channel, data, timeout_s, metadata)

    async def _send(self, channel: grpc.aio.Channel, data: bytes, timeout_s: float, metadata: Metadata) -> list[bytes]:
        for _ in range(_MOST_SENDINGS - 1 if self.descriptor.client_streaming else 0):
            try:
                return await self._send_once(channel, data, timeout_s, metadata)
            except grpc.aio.AioRpcError as error:
                if error.details() != _STATUS_LOST:
                    raise
        return await self._send_once(channel, data, timeout_s, metadata)

    async def _send_once(
        self, channel: grpc.aio.Channel, data: bytes, timeout_s: float, metadata: Metadata
    ) -> list[bytes]:
        ways: dict[tuple[bool, bool], Any] = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
            (True, True): channel.stream_stream,
        }
        streams, streamed = self.descriptor.client_streaming, self.descriptor.server_streaming
        way = ways[streams, streamed](self.path, bytes, bytes)
        call = way(iter([data]) if streams else data, timeout=timeout_s, metadata=tuple(metadata))
        return [answer async for answer in call] if streamed else [await call]


METHODS = [
    Method(method)
    for file in (ranking_pb2, catalog_pb2, feedback_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
] + [Method(method) for method in SERVED]
"""Those of this project."""

REFLECTION = [
    Method(method) for service in reflection_pb2.DESCRIPTOR.services_by_name.values() for method in service.methods
]
