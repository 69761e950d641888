"""Counts every call exactly once, by method and status code. Knows no service and no error class."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc

from gateway.telemetry.metrics import Metrics


@dataclass(slots=True)
class Outcome:
    """How a call ended. It counts as cancelled unless somebody sets what it was."""

    code: grpc.StatusCode = grpc.StatusCode.CANCELLED
    reason: str = ""


@contextmanager
def counted(metrics: Metrics, method: str) -> Iterator[Outcome]:
    """Counts the call of ``method`` ("/package.Service/Method") that the block serves, whichever way it ends."""
    service, _, name = method.removeprefix("/").partition("/")
    outcome, started = Outcome(), time.perf_counter()
    metrics.calls_started.labels(service, name).inc()
    metrics.calls_in_flight.labels(service, name).inc()
    try:
        yield outcome
    finally:
        metrics.calls_in_flight.labels(service, name).dec()
        metrics.call_seconds.labels(service, name).observe(time.perf_counter() - started)
        metrics.calls_handled.labels(service, name, outcome.code.name).inc()
        if outcome.reason:
            metrics.errors.labels(outcome.reason).inc()
