"""Every method of the API, found in the descriptors, called with bytes: so a new method cannot miss the tests."""

from collections.abc import Awaitable
from dataclasses import dataclass

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from crossrank.v1 import catalog_pb2, feedback_pb2, ranking_pb2
from gateway.rpc.open_inference import SERVED


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

    def send(self, channel: grpc.aio.Channel, data: bytes, timeout_s: float) -> Awaitable[list[bytes]]:
        """Sends one request message; returns all answers."""
        return self._send(channel, data, timeout_s)

    async def _send(self, channel: grpc.aio.Channel, data: bytes, timeout_s: float) -> list[bytes]:
        if self.descriptor.client_streaming:
            upload = channel.stream_unary(self.path, bytes, bytes)
            return [await upload(iter([data]), timeout=timeout_s)]
        if self.descriptor.server_streaming:
            answers = channel.unary_stream(self.path, bytes, bytes)(data, timeout=timeout_s)
            return [answer async for answer in answers]
        return [await channel.unary_unary(self.path, bytes, bytes)(data, timeout=timeout_s)]


METHODS = [
    Method(method)
    for file in (ranking_pb2, catalog_pb2, feedback_pb2)
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
] + [Method(method) for method in SERVED]
