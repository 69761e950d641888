"""A real gRPC server on the loopback with fakes behind it, its clients, and refusals read as a client reads them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import google.rpc.error_details_pb2 as error_details_pb2
import google.rpc.status_pb2 as status_pb2
import grpc
import pytest
from prometheus_client import CollectorRegistry

from crossrank.v1 import catalog_pb2_grpc, feedback_pb2_grpc, ranking_pb2_grpc
from gateway.domain.limits import Limits
from gateway.identity.gate import Gate, OpenGate
from gateway.rpc.catalog import CatalogServicer
from gateway.rpc.feedback import FeedbackServicer
from gateway.rpc.open_inference import OpenInferenceServicer
from gateway.rpc.ranking import RankingServicer
from gateway.server.grpc_server import GatewayServer, ServerSettings, Services
from gateway.telemetry.metrics import Metrics
from tests.gateway.rpc.fakes import FakeFeedback, FakeInfo, FakeItems, FakeRanker, FakeWriter


@dataclass(repr=False)
class Rig:
    """A running server: what stands behind it and what a client holds."""

    server: GatewayServer
    target: str
    channel: grpc.aio.Channel
    metrics: Metrics
    limits: Limits
    ranker: FakeRanker
    items: FakeItems
    writer: FakeWriter
    feedback: FakeFeedback

    @property
    def ranking(self) -> "ranking_pb2_grpc.RankingServiceAsyncStub":
        return ranking_pb2_grpc.RankingServiceStub(self.channel)

    @property
    def catalog(self) -> "catalog_pb2_grpc.CatalogServiceAsyncStub":
        return catalog_pb2_grpc.CatalogServiceStub(self.channel)

    @property
    def feedback_service(self) -> "feedback_pb2_grpc.FeedbackServiceAsyncStub":
        return feedback_pb2_grpc.FeedbackServiceStub(self.channel)

    def raw(self, method: str) -> Callable[..., Awaitable[bytes]]:
        """A unary method that sends and receives bytes as they are."""
        call: Callable[..., Awaitable[bytes]] = self.channel.unary_unary(method, bytes, bytes)
        return call

    def counted(self, metric: str, **labels: str) -> float:
        """A sample of the metrics; 0 when it was never touched."""
        return self.metrics.registry.get_sample_value(metric, labels) or 0.0


def parts(limits: Limits) -> tuple[FakeRanker, FakeItems, FakeWriter, FakeFeedback, Metrics, Services]:
    """Fakes, and the services made of them."""
    items = FakeItems()
    ranker, writer, feedback = FakeRanker(), FakeWriter(items), FakeFeedback(items)
    metrics = Metrics(CollectorRegistry())
    services = Services(
        RankingServicer(ranker, FakeInfo(), limits),
        CatalogServicer(writer, items, limits),
        FeedbackServicer(feedback, limits),
        OpenInferenceServicer(ranker, FakeInfo(), limits),
        metrics,
        ranking_is_right=lambda: True,
    )
    return ranker, items, writer, feedback, metrics, services


@asynccontextmanager
async def serving(limits: Limits | None = None, gate: Gate | None = None, **settings: Any) -> AsyncIterator[Rig]:
    """A server on a free port while the block runs."""
    limits = limits or Limits()
    ranker, items, writer, feedback, metrics, services = parts(limits)
    server = GatewayServer(
        replace(services, gate=gate or OpenGate()), ServerSettings("127.0.0.1:0", limits, **settings)
    )
    target = str(await server.start())
    async with grpc.aio.insecure_channel(target) as channel:
        yield Rig(server, target, channel, metrics, limits, ranker, items, writer, feedback)
    await stop_now(server)


async def stop_now(server: GatewayServer) -> None:
    """Stops a server without waiting for anybody."""
    at_once = asyncio.Event()
    at_once.set()
    await server.stop(at_once)


async def until(condition: Callable[[], bool]) -> None:
    """Waits for something that the server does on its own; it counts a call after answering it."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


@dataclass(frozen=True)
class Refusal:
    """A failed call as a client sees it: code, message, google.rpc details by message name, trailers."""

    code: grpc.StatusCode
    message: str
    details: Mapping[str, Any]
    trailers: Mapping[str, str | bytes]

    @property
    def violations(self) -> dict[str, str]:
        """Descriptions by field path."""
        return {one.field: one.description for one in self.details["BadRequest"].field_violations}

    @property
    def reason(self) -> str:
        """The machine-readable reason."""
        reason: str = self.details["ErrorInfo"].reason
        return reason


async def refusal(call: Awaitable[Any]) -> Refusal:
    """The refusal of a call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return refusal_of(raised.value)


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    """Reads the details as any client of google.rpc does."""
    metadata: Iterable[Any] = error.trailing_metadata() or ()
    trailers: dict[str, str | bytes] = {key: value for key, value in metadata}  # noqa: C416  pairs, not a mapping
    packed_status = trailers.get("grpc-status-details-bin", b"")
    assert isinstance(packed_status, bytes)
    status = status_pb2.Status.FromString(packed_status)
    details: dict[str, Any] = {}
    for packed in status.details:
        name = packed.TypeName().removeprefix("google.rpc.")
        details[name] = getattr(error_details_pb2, name)()
        packed.Unpack(details[name])
    return Refusal(error.code(), error.details() or "", details, trailers)
