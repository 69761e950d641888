"""The process around the API: where it listens, what it reveals, how it stops."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from crossrank.v1 import ranking_pb2, ranking_pb2_grpc
from gateway.domain.address import Address, CannotListen
from gateway.domain.limits import Limits
from gateway.rpc.health import Status
from gateway.server.grpc_server import GatewayServer, ServerSettings, _options, serve
from tests.gateway.rpc.methods import REFLECTION
from tests.gateway.rpc.rig import Rig, parts, refusal, serving

INFO = ranking_pb2.GetInfoRequest()
RECOMMEND = ranking_pb2.RecommendRequest(context=ranking_pb2.Context(user_id="u"))


async def reflected(channel: grpc.aio.Channel) -> list[str]:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
    async for answer in stub.ServerReflectionInfo(requests):
        return [service.name for service in answer.list_services_response.service]
    return []


async def test_reflection_lists_every_service(rig: Rig) -> None:
    assert sorted(await reflected(rig.channel)) == [
        "crossrank.v1.CatalogService",
        "crossrank.v1.FeedbackService",
        "crossrank.v1.RankingService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "inference.GRPCInferenceService",
    ]


async def test_reflection_can_be_switched_off() -> None:
    async with serving(reflection=False) as rig:
        [method] = REFLECTION
        assert (await refusal(method.send(rig.channel, b"", 30))).code is grpc.StatusCode.UNIMPLEMENTED


async def test_a_taken_port_is_refused_with_address_and_remedy(rig: Rig) -> None:
    *_, services = parts(Limits())
    with pytest.raises(CannotListen, match=rf"'{rig.target}'.*taken.*CROSSRANK_LISTEN"):
        await GatewayServer(services, ServerSettings(rig.target, Limits())).start()


@pytest.mark.parametrize("text", ["", "50051", ":50051", "host:", "host:port", "host:65536", "host:-1", "host:1e3"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CannotListen, match="host:port"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:50051", "::1", 50051), ("gateway.svc:65535", "gateway.svc", 65535)],
)
def test_an_address_survives_the_way_in_and_out(text: str, host: str, port: int) -> None:
    assert Address.parse(text) == Address(host, port)
    assert str(Address.parse(text)) == text


@asynccontextmanager
async def standalone(drain_s: float, grace_s: float) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A gateway in a process of its own, and its address."""
    command = (sys.executable, "-m", "tests.gateway.rpc.standalone", str(drain_s), str(grace_s))
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


class Visitor:
    """A client of the standalone gateway with calls in flight."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        health: Any = health_pb2_grpc.HealthStub(channel)
        self.watching = health.Watch(health_pb2.HealthCheckRequest())
        self._ranking = ranking_pb2_grpc.RankingServiceStub(channel)

    async def become(self, status: int) -> None:
        """Waits until the server says so."""
        async with asyncio.timeout(20):
            while (await self.watching.read()).status != status:
                pass

    async def recommend(self, calls: int) -> list[asyncio.Task[ranking_pb2.RecommendResponse]]:
        """Calls that the server has begun: a stream of each was answered after them on the same connection."""
        begun = [asyncio.create_task(self._recommend()) for _ in range(calls)]
        request = ranking_pb2.RecommendStreamRequest(context=RECOMMEND.context)
        await self._ranking.RecommendStream(request, timeout=60).read()
        return begun

    async def _recommend(self) -> ranking_pb2.RecommendResponse:
        return await self._ranking.Recommend(RECOMMEND, timeout=60)


async def test_sigterm_says_not_serving_then_lets_running_calls_end() -> None:
    async with (
        standalone(drain_s=0.2, grace_s=60) as (process, target),
        grpc.aio.insecure_channel(target) as channel,
    ):
        visitor = Visitor(channel)
        await visitor.become(Status.SERVING)
        running = await visitor.recommend(50)
        process.send_signal(signal.SIGTERM)
        await visitor.become(Status.NOT_SERVING)
        process.send_signal(signal.SIGUSR1)
        answers = await asyncio.gather(*running)
        assert [len(answer.items) for answer in answers] == [2] * 50
        async with asyncio.timeout(30):
            output, _ = await process.communicate()
        assert (process.returncode, output) == (0, b"stopped\n")


async def test_a_second_signal_stops_at_once() -> None:
    async with (
        standalone(drain_s=3600, grace_s=3600) as (process, target),
        grpc.aio.insecure_channel(target) as channel,
    ):
        visitor = Visitor(channel)
        await visitor.become(Status.SERVING)
        (running,) = await visitor.recommend(1)
        process.send_signal(signal.SIGTERM)
        await visitor.become(Status.NOT_SERVING)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(grpc.aio.AioRpcError):
            await running
        async with asyncio.timeout(30):
            await process.communicate()
        assert process.returncode == 0


async def test_a_server_whose_health_cannot_be_known_ends_with_the_reason() -> None:
    def broken() -> bool:
        raise ZeroDivisionError("the probe broke")

    *_, services = parts(Limits())
    settings = ServerSettings("127.0.0.1:0", Limits())
    with pytest.raises(ZeroDivisionError, match="the probe broke"):
        async with asyncio.timeout(20):
            await serve(replace(services, ranking_is_right=broken), settings)


def test_every_option_is_one_that_grpc_knows() -> None:
    """It ignores others without a word."""
    [core] = Path(grpc.__file__).parent.glob("_cython/cygrpc*.so")
    known = core.read_bytes()
    assert [name for name, _ in _options(Limits(), shares_port=True) if name.encode() + b"\0" not in known] == []
