"""Readiness by a right answer: a SELECT from PostgreSQL, SERVING from the gateway. Triton's, an inference, is in
triton_probe.py. Must not start or stop anything."""

from http.client import HTTPException
from urllib.parse import urlsplit
from urllib.request import urlopen

import grpc
import psycopg
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local.errors import ProbeFailed, Silent, Unready
from deploy.local.parts.call_errors import probe_failure

# Refusals of a server that works or recovers: "the database system is starting up", "… in recovery mode".
_ALIVE_MESSAGES = ("the database system is", "too many clients", "remaining connection slots")
_READY = "crossrank_ranking_ready"


def probe_postgres(url: str, timeout_s: float) -> None:
    """Raises ProbeFailed unless the server computes, and offers pgvector."""
    limit_ms = int(timeout_s * 1000)
    try:
        with psycopg.connect(
            url, connect_timeout=max(1, round(timeout_s)), options=f"-c statement_timeout={limit_ms}"
        ) as connection:
            row = connection.execute(
                "SELECT 6 * 7, EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector')"
            ).fetchone()
    except (psycopg.errors.ConnectionTimeout, psycopg.errors.QueryCanceled) as error:
        raise Silent(f"PostgreSQL does not answer: {str(error).strip()}") from error
    except psycopg.Error as error:
        alive = any(words in str(error) for words in _ALIVE_MESSAGES)
        kind = Unready if alive else ProbeFailed
        raise kind(f"PostgreSQL does not answer: {str(error).strip()}") from error
    if row is None or row[0] != 42:
        raise ProbeFailed(f"PostgreSQL answered SELECT 6 * 7 with {row}")
    if not row[1]:
        raise ProbeFailed(
            "PostgreSQL has no pgvector extension", remedy="install the package pgvector on the database server"
        )


def probe_gateway(address: str, *, timeout_s: float) -> None:
    """Raises ProbeFailed unless the gateway reports SERVING: it does so only after its golden pairs came out right."""
    with grpc.insecure_channel(address) as channel:
        try:
            reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=timeout_s)
        except grpc.RpcError as error:
            raise probe_failure(f"the gateway at {address}", error) from error
    if reply.status != health_pb2.HealthCheckResponse.SERVING:
        name = health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status)
        raise Unready(f"the gateway at {address} reports {name}", remedy="crossrank logs gateway")


def probe_gateway_metrics(address: str, *, timeout_s: float) -> None:
    """Raises ProbeFailed unless the metrics of one of several gateways behind a port say that its golden pairs come out
    right."""
    try:
        with urlopen(f"http://{address}/metrics", timeout=timeout_s) as answer:
            metrics = answer.read().decode()
    except (OSError, HTTPException) as error:
        late = isinstance(getattr(error, "reason", error), TimeoutError)
        kind = Silent if late else ProbeFailed
        raise kind(f"the gateway with metrics at {address} does not answer: {error}") from error
    if f"\n{_READY} 1.0\n" not in metrics:
        raise Unready(f"the gateway with metrics at {address} does not rank yet", remedy="crossrank logs gateway")


def without_password(url: str) -> str:
    """A URL that can be shown."""
    parts = urlsplit(url)
    if parts.password is None:
        return url
    return url.replace(f":{parts.password}@", "@", 1)
