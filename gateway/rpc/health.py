"""grpc.health.v1: SERVING means a recent right answer, not an open port. Knows no model server: it is told.

Written here because the servicer of grpcio-health-checking forgets the other watchers of a service when one leaves.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, Any

import grpc
from grpc_health.v1 import health_pb2

if TYPE_CHECKING:  # generic in its stubs only
    Context = grpc.aio.ServicerContext[Any, Any]

Status = health_pb2.HealthCheckResponse.ServingStatus

LIVENESS = "liveness"
"""A name that always serves: for a probe that restarts a process which answers nothing at all, and no other."""


class HealthServicer:
    """Health of the process ("" and ``services``) and of ranking (``ranking_service``).

    The process serves from the first right answer of the ranking on, for then it can answer, if need be in first-stage
    order. The ranking service serves only while right answers keep coming.
    """

    def __init__(self, ranking_service: str, services: Sequence[str] = ()) -> None:
        self._ranking_service = ranking_service
        self._statuses = dict.fromkeys(("", ranking_service, *services), Status.NOT_SERVING)
        self._statuses[LIVENESS] = Status.SERVING
        self._changed = asyncio.Event()
        self._stopping = False
        self._watches_end = False

    async def follow(self, ranking_is_right: Callable[[], bool], period_s: float = 1.0) -> None:
        """Keeps the statuses true until cancelled."""
        while True:
            self.update(ranking_is_right())
            await asyncio.sleep(period_s)

    def update(self, ranking_is_right: bool) -> None:
        """Takes note of whether ranking gives right answers. Without effect once serving has stopped."""
        if self._stopping:
            return
        statuses = dict(self._statuses)
        if ranking_is_right:
            statuses = dict.fromkeys(statuses, Status.SERVING)
        statuses[self._ranking_service] = Status.SERVING if ranking_is_right else Status.NOT_SERVING
        self._publish(statuses)

    def stop_serving(self) -> None:
        """Sets everything to NOT_SERVING for good: balancers send their next calls elsewhere."""
        self._stopping = True
        self._publish(dict.fromkeys(self._statuses, Status.NOT_SERVING))

    def end_watches(self) -> None:
        """Ends all watches, which would otherwise hold up the stopping server for its whole grace."""
        self._watches_end = True
        self._wake()

    async def Check(self, request: health_pb2.HealthCheckRequest, context: "Context") -> health_pb2.HealthCheckResponse:
        """The status of a service; NOT_FOUND for a name that is not served."""
        status = self._statuses.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service; reflection lists the services")
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: "Context"
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The status now and at every change."""
        told = None
        while not self._watches_end:
            changed = self._changed
            status = self._statuses.get(request.service, Status.SERVICE_UNKNOWN)
            if status != told:
                yield health_pb2.HealthCheckResponse(status=status)
                told = status
            else:
                await changed.wait()

    def _publish(self, statuses: dict[str, Any]) -> None:
        statuses[LIVENESS] = Status.SERVING
        if statuses != self._statuses:
            self._statuses = statuses
            self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
