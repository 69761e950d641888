"""The gRPC server: listens, serves until told to stop, drains. Knows services ready made, not what they are made of."""

import asyncio
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from crossrank.v1 import catalog_pb2, catalog_pb2_grpc, feedback_pb2, feedback_pb2_grpc, ranking_pb2, ranking_pb2_grpc
from gateway.domain.address import Address, CannotListen
from gateway.domain.limits import Limits
from gateway.identity.gate import Gate, OpenGate
from gateway.rpc import open_inference
from gateway.rpc.health import HealthServicer
from gateway.rpc.interceptors import CallInterceptor
from gateway.rpc.open_inference import OpenInferenceServicer
from gateway.server.tls import TlsFiles
from gateway.telemetry.metrics import Metrics

RANKING = ranking_pb2.DESCRIPTOR.services_by_name["RankingService"].full_name
CATALOG = catalog_pb2.DESCRIPTOR.services_by_name["CatalogService"].full_name
FEEDBACK = feedback_pb2.DESCRIPTOR.services_by_name["FeedbackService"].full_name
OPEN_INFERENCE = open_inference.SERVICE.full_name
HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How to listen and how to stop."""

    listen: str
    limits: Limits
    reflection: bool = True
    tls: TlsFiles | None = None
    drain_s: float = 0.0
    """Between NOT_SERVING and refusing calls: as long as balancers take to notice (Kubernetes: about 5 s)."""

    grace_s: float = 6.0
    """For calls that are running when the server stops: above the longest deadline."""

    health_listen: str = ""
    """Where health alone is served in plain text; empty: nowhere."""

    shares_port: bool = False
    """With the other gateways of one stack, and with nobody else."""


@dataclass(frozen=True, slots=True)
class Services:
    """What is served."""

    ranking: ranking_pb2_grpc.RankingServiceServicer
    catalog: catalog_pb2_grpc.CatalogServiceServicer
    feedback: feedback_pb2_grpc.FeedbackServiceServicer
    open_inference: OpenInferenceServicer
    metrics: Metrics
    ranking_is_right: Callable[[], bool]
    """Whether the model gave a right answer a moment ago; asked every second, must not block."""

    gate: Gate = field(default_factory=OpenGate)


class GatewayServer:
    """One listening server. Start it once, stop it once."""

    def __init__(self, services: Services, settings: ServerSettings) -> None:
        self._settings = settings
        self._open_inference = services.open_inference
        self.health = HealthServicer(RANKING, (CATALOG, FEEDBACK))
        self._health_server: grpc.aio.Server | None = None
        self._server = grpc.aio.server(
            interceptors=(CallInterceptor(settings.limits, services.metrics, services.gate),),
            options=_options(settings.limits, settings.shares_port),
        )
        ranking_pb2_grpc.add_RankingServiceServicer_to_server(services.ranking, self._server)
        catalog_pb2_grpc.add_CatalogServiceServicer_to_server(services.catalog, self._server)
        feedback_pb2_grpc.add_FeedbackServiceServicer_to_server(services.feedback, self._server)
        self._server.add_generic_rpc_handlers((open_inference.handlers(services.open_inference),))
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        if settings.reflection:
            names = (RANKING, CATALOG, FEEDBACK, OPEN_INFERENCE, HEALTH, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    async def start(self) -> Address:
        """Listens; returns the address with the port in use. Raises CannotListen."""
        address = _listen(self._server, self._settings.listen, _credentials(self._settings))
        if self._settings.health_listen:
            # Made only where it is started: one that is stopped without ends the process (a fault in gRPC's core).
            self._health_server = grpc.aio.server(options=_options(self._settings.limits, self._settings.shares_port))
            health_pb2_grpc.add_HealthServicer_to_server(self.health, self._health_server)
            _listen(self._health_server, self._settings.health_listen, None)
            await self._health_server.start()
        await self._server.start()
        return address

    async def stop(self, at_once: asyncio.Event) -> None:
        """NOT_SERVING, drain, refuse new calls, let running ones end; ``at_once`` cuts every wait short."""
        self.health.stop_serving()
        self._open_inference.stop_serving()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._settings.drain_s):
                await at_once.wait()
        self.health.end_watches()
        ended = asyncio.create_task(self._server.stop(self._settings.grace_s))
        hurried = asyncio.create_task(at_once.wait())
        await asyncio.wait((ended, hurried), return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await self._server.stop(0)
        hurried.cancel()
        await ended
        if self._health_server:
            await self._health_server.stop(0)


async def serve(
    services: Services, settings: ServerSettings, listening: Callable[[Address], None] = lambda address: None
) -> None:
    """Serves until SIGTERM or SIGINT, then drains; a second signal stops at once. Raises CannotListen."""
    server = GatewayServer(services, settings)
    address = await server.start()
    stop, at_once = asyncio.Event(), asyncio.Event()
    following = asyncio.create_task(server.health.follow(services.ranking_is_right))
    # Health that follows nothing would be a lie: when the task dies, so does the server, loudly.
    following.add_done_callback(lambda _: stop.set())
    with _signals(lambda: (at_once if stop.is_set() else stop).set()):
        _log.info("listening", address=str(address), tls=settings.tls is not None)
        listening(address)
        try:
            await stop.wait()
        finally:
            _log.info("stopping", drain_s=settings.drain_s, grace_s=settings.grace_s)
            await server.stop(at_once)
    if following.done():
        following.result()
    following.cancel()


@contextmanager
def _signals(handle: Callable[[], None]) -> Iterator[None]:
    """Calls ``handle`` on SIGTERM and SIGINT while the block runs."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def _options(limits: Limits, shares_port: bool) -> Sequence[tuple[str, int]]:
    # Number of pending requests: newer gRPC drops calls at random above 1000; admission sheds, with a reason.
    # Age grace: an upload may run max_upload_s. SO_REUSEPORT: a second gateway must not share the port unnoticed.
    return (
        ("grpc.max_receive_message_length", limits.max_request_bytes),
        ("grpc.server.max_pending_requests", 20_000),
        ("grpc.server.max_pending_requests_hard_limit", 40_000),
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
        ("grpc.max_connection_age_ms", 300_000),
        ("grpc.max_connection_age_grace_ms", int(limits.max_upload_s * 1000)),
        ("grpc.so_reuseport", int(shares_port)),
    )


def _listen(server: grpc.aio.Server, listen: str, credentials: grpc.ServerCredentials | None) -> Address:
    wanted = Address.parse(listen)
    try:
        if credentials is None:
            port = server.add_insecure_port(str(wanted))
        else:
            port = server.add_secure_port(str(wanted), credentials)
    except RuntimeError as error:
        remedy = "stop what listens there, or set CROSSRANK_LISTEN (CROSSRANK_HEALTH_LISTEN) to a free address"
        raise CannotListen(str(wanted), "the address is taken or is not of this machine", remedy) from error
    return Address(wanted.host, port)


def _credentials(settings: ServerSettings) -> grpc.ServerCredentials | None:
    if settings.tls is None:
        return None
    try:
        return settings.tls.credentials()
    except OSError as error:
        why = f"TLS file {error.filename!r} cannot be read ({error.strerror})"
        raise CannotListen(settings.listen, why, "correct CROSSRANK_TLS_CERTIFICATE, _KEY, _CLIENT_CA") from error
