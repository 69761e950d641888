"""A gateway for the duration of a load test, beside the stack: without a cache, for the few lists of a test come again
and again; patient; with a database of its own, so that no list is ever taken for one that somebody saw. Must not send
load."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy.local.errors import LocalStackError
from deploy.local.parts.external import External
from deploy.local.parts.gateway_process import GatewayProcess
from deploy.local.parts.ports import LOOPBACK, free_ports
from deploy.local.process.part import RunningPart

DEADLINE_S = 5.0
"""Of every call; perf_analyzer sets none. The gateway's usual default ends an overloaded level at its first second."""


@dataclass(frozen=True, slots=True)
class OwnGateway:
    """Where it is reached."""

    url: str
    metrics_address: str


@contextmanager
def own_gateway(postgres_url: str, triton_url: str, model_repository: Path, folder: Path) -> Iterator[OwnGateway]:
    """Runs it while the block runs; its log goes below `folder`. Raises LocalStackError."""
    port, metrics_port = free_ports(2)
    with _scratch_database(postgres_url) as scratch_url:
        part = GatewayProcess(
            folder,
            port,
            metrics_port,
            model_repository,
            postgres=External("postgres", scratch_url, _trusted),
            triton=External("triton", triton_url, _trusted),
            settings={
                "CROSSRANK_DEFAULT_DEADLINE_S": str(DEADLINE_S),
                "CROSSRANK_MAX_DEADLINE_S": str(DEADLINE_S),
                "CROSSRANK_CACHE_ENTRIES": "0",
                "CROSSRANK_LOG_LEVEL": "warning",
            },
        )
        with RunningPart(part, state_directory=folder):
            yield OwnGateway(part.url, f"{LOOPBACK}:{metrics_port}")


@contextmanager
def _scratch_database(url: str) -> Iterator[str]:
    """An empty database on the server of `url`."""
    name = f"loadtest_{uuid4().hex[:12]}"
    _administer(url, sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield make_conninfo(url, dbname=name)
    finally:
        _administer(url, sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _administer(url: str, statement: sql.Composed) -> None:
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)
    except psycopg.Error as fault:
        raise LocalStackError(
            f"no database for the load test: {fault}", remedy="use a role that may create databases, or crossrank up"
        ) from fault


def _trusted(timeout_s: float) -> None:
    """The stack watches its parts itself."""
