"""Health tells what a balancer needs: SERVING after a recent right answer, NOT_SERVING before anything stops."""

import asyncio
import json
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from crossrank.v1 import ranking_pb2, ranking_pb2_grpc
from gateway.rpc.health import HealthServicer, Status
from gateway.server.grpc_server import RANKING
from tests.gateway.rpc.rig import Rig, serving

REQUEST = ranking_pb2.GetInfoRequest()


async def check(rig: Rig, service: str) -> int:
    stub: Any = health_pb2_grpc.HealthStub(rig.channel)
    status: int = (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status
    return status


def watch(rig: Rig, service: str) -> Any:
    stub: Any = health_pb2_grpc.HealthStub(rig.channel)
    return stub.Watch(health_pb2.HealthCheckRequest(service=service))


async def next_status(watching: Any) -> int:
    async with asyncio.timeout(10):
        status: int = (await watching.read()).status
        return status


async def test_nothing_serves_before_the_first_right_answer(rig: Rig) -> None:
    assert [await check(rig, service) for service in ("", RANKING)] == [Status.NOT_SERVING] * 2
    rig.server.health.update(ranking_is_right=False)
    assert [await check(rig, service) for service in ("", RANKING)] == [Status.NOT_SERVING] * 2


async def test_everything_serves_after_it(rig: Rig) -> None:
    rig.server.health.update(ranking_is_right=True)
    services = ("", RANKING, "crossrank.v1.CatalogService", "crossrank.v1.FeedbackService")
    assert [await check(rig, service) for service in services] == [Status.SERVING] * 4


async def test_without_recent_right_answers_only_the_ranking_stops_serving(rig: Rig) -> None:
    rig.server.health.update(ranking_is_right=True)
    rig.server.health.update(ranking_is_right=False)
    assert [await check(rig, service) for service in ("", RANKING)] == [Status.SERVING, Status.NOT_SERVING]
    rig.server.health.update(ranking_is_right=True)
    assert await check(rig, RANKING) == Status.SERVING


async def test_a_stopped_service_never_serves_again(rig: Rig) -> None:
    rig.server.health.update(ranking_is_right=True)
    rig.server.health.stop_serving()
    rig.server.health.update(ranking_is_right=True)
    assert [await check(rig, service) for service in ("", RANKING)] == [Status.NOT_SERVING] * 2


async def test_an_unknown_service_is_not_found(rig: Rig) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await check(rig, "crossrank.v1.Nope")
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert await next_status(watch(rig, "crossrank.v1.Nope")) == Status.SERVICE_UNKNOWN


async def test_a_watch_tells_every_change(rig: Rig) -> None:
    watching = watch(rig, RANKING)
    told = [await next_status(watching)]
    for right in (True, False, True):
        rig.server.health.update(right)
        told.append(await next_status(watching))
    assert told == [Status.NOT_SERVING, Status.SERVING, Status.NOT_SERVING, Status.SERVING]


async def test_a_watcher_that_leaves_does_not_silence_the_others(rig: Rig) -> None:
    leaving, staying = watch(rig, ""), watch(rig, "")
    assert [await next_status(leaving), await next_status(staying)] == [Status.NOT_SERVING] * 2
    leaving.cancel()
    await check(rig, "")  # the server has seen the cancellation before it answers this
    rig.server.health.update(ranking_is_right=True)
    assert await next_status(staying) == Status.SERVING


async def test_watches_end_when_told_so_that_a_server_can_stop(rig: Rig) -> None:
    watching = watch(rig, "")
    await next_status(watching)
    rig.server.health.end_watches()
    assert not isinstance(await watching.read(), health_pb2.HealthCheckResponse)
    assert await watching.code() is grpc.StatusCode.OK


async def test_health_follows_the_ranking_by_itself() -> None:
    answers = iter([False, True])
    asked = asyncio.Event()

    def ranking_is_right() -> bool:
        right = next(answers, None)
        if right is None:
            asked.set()
        return right is not False

    health = HealthServicer(RANKING)
    following = asyncio.create_task(health.follow(ranking_is_right, period_s=0))
    await asked.wait()
    following.cancel()
    request = health_pb2.HealthCheckRequest(service=RANKING)
    context: Any = None  # a known service needs none
    assert (await health.Check(request, context)).status == Status.SERVING


async def test_a_client_that_watches_health_moves_to_the_other_server_without_a_failed_call() -> None:
    config = {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}
    async with serving() as first, serving() as second:
        for rig in (first, second):
            rig.server.health.update(ranking_is_right=True)
        target = f"ipv4:{first.target},{second.target}"
        options = [("grpc.service_config", json.dumps(config))]
        async with grpc.aio.insecure_channel(target, options=options) as channel:
            stub = ranking_pb2_grpc.RankingServiceStub(channel)
            labels = {"grpc_service": RANKING, "grpc_method": "GetInfo", "grpc_code": "OK"}
            counted = "grpc_server_handled_total"
            while not (first.counted(counted, **labels) and second.counted(counted, **labels)):
                await stub.GetInfo(REQUEST, wait_for_ready=True)
            first.server.health.stop_serving()
            in_a_row = 0  # calls since the stopping server was last asked
            while in_a_row < 20:
                before = first.counted(counted, **labels)
                await stub.GetInfo(REQUEST)
                in_a_row = in_a_row + 1 if first.counted(counted, **labels) == before else 0
