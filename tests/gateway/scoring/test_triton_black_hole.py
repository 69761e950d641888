"""A connection on which packets vanish: calls end at their deadlines, and a fresh connection reaches the server."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from tritonclient.grpc import service_pb2

from gateway.domain.errors import DeadlineTooShort
from gateway.scoring.triton import TritonConnection


class Relay:
    """Hands bytes on between callers and a server; of connections open at the time, ``swallow`` swallows all."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._swallowed: set[asyncio.StreamWriter] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        self.connections = 0

    def swallow(self) -> None:
        self._swallowed |= self._open

    async def __aenter__(self) -> "Relay":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for source, target in ((reader, far_writer), (far_reader, writer)):
            self._open.add(target)
            self._tasks.add(asyncio.create_task(self._hand_on(source, target)))

    async def _hand_on(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65536):
                if target not in self._swallowed:
                    target.write(data)
        finally:
            target.close()


async def _metadata(request: Any, context: Any) -> Any:
    return service_pb2.ModelMetadataResponse(name=request.name, versions=["1"])


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    handler = grpc.unary_unary_rpc_method_handler(
        _metadata, service_pb2.ModelMetadataRequest.FromString, lambda answer: answer.SerializeToString()
    )
    service = grpc.method_handlers_generic_handler("inference.GRPCInferenceService", {"ModelMetadata": handler})
    server.add_generic_rpc_handlers((service,))
    await server.start()
    async with Relay(port) as relay:
        yield relay
    await server.stop(None)


async def test_a_fresh_connection_leaves_the_black_hole_though_calls_still_wait_in_it(relay: Relay) -> None:
    connection = TritonConnection(relay.url)
    assert await connection.versions("cross_encoder", 10.0) == ["1"]
    relay.swallow()
    waiting = asyncio.create_task(connection.versions("cross_encoder", 60.0))
    with pytest.raises(DeadlineTooShort):
        await connection.versions("cross_encoder", 0.2)
    await connection.reconnect()
    assert await connection.versions("cross_encoder", 10.0) == ["1"]
    assert relay.connections == 2
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await connection.close()
