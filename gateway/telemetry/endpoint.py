"""The HTTP endpoint that Prometheus scrapes. Runs in its own thread and knows only the registry."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from gateway.domain.address import Address

_log = structlog.get_logger(__name__)


@contextmanager
def metrics_endpoint(listen: str, registry: CollectorRegistry) -> Iterator[Address | None]:
    """Serves ``/metrics`` on ``listen`` (host:port) while the block runs and yields the bound address; an empty
    ``listen`` serves nothing. An address that cannot be had is logged and costs the metrics, not the gateway: a restart
    in mid-service must not end at it. Raises CannotListen for what is no address."""
    if not listen:
        yield None
        return
    wanted = Address.parse(listen)
    try:
        server, thread = start_http_server(wanted.port, addr=wanted.host, registry=registry)
    except OSError as error:
        remedy = "set CROSSRANK_METRICS_LISTEN to a free address, or empty for none"
        _log.error("metrics_not_served", address=listen, why=error.strerror or str(error), remedy=remedy)
        yield None
        return
    try:
        yield Address(wanted.host, server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
