"""The HTTP endpoint that Prometheus scrapes. Runs in its own thread and knows only the registry."""

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from gateway.domain.address import Address, CannotListen


@contextmanager
def metrics_endpoint(listen: str, registry: CollectorRegistry) -> Iterator[Address | None]:
    """Serves ``/metrics`` on ``listen`` (host:port) while the block runs and yields the bound address; an empty
    ``listen`` serves nothing. Raises CannotListen."""
    if not listen:
        yield None
        return
    wanted = Address.parse(listen)
    try:
        server, thread = start_http_server(wanted.port, addr=wanted.host, registry=registry)
    except OSError as error:
        raise CannotListen(
            listen, error.strerror or str(error), "set CROSSRANK_METRICS_LISTEN to a free address, or empty for none"
        ) from error
    try:
        yield Address(wanted.host, server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
