"""More calls at once than gRPC queues by default: none is lost, mixed up or counted twice."""

import asyncio
import random

import grpc
import pytest

from crossrank.v1 import ranking_pb2
from gateway.domain.errors import Overloaded
from tests.gateway.rpc.rig import Rig, until

CALLS = 2000


async def test_a_burst_of_calls_loses_none_and_gives_each_its_own_answer(rig: Rig) -> None:
    async def ask(position: int) -> bool:
        request = ranking_pb2.RerankRequest(
            context=ranking_pb2.Context(user_id="u"),
            candidates=[{"item_id": f"{position}-{place}"} for place in range(3)],
        )
        answer = await rig.ranking.Rerank(request, metadata=(("x-request-id", f"r-{position}"),), timeout=60)
        order = [item.item_id for item in answer.items]
        return (answer.metadata.request_id, order) == (f"r-{position}", [f"{position}-{place}" for place in (2, 1, 0)])

    assert all(await asyncio.gather(*(ask(position) for position in range(CALLS))))
    assert rig.counted("grpc_server_in_flight", grpc_service="crossrank.v1.RankingService", grpc_method="Rerank") == 0


@pytest.mark.parametrize("seed", [7, random.SystemRandom().randrange(2**32)], ids=["known seed", "drawn seed"])
async def test_in_a_burst_of_mixed_fates_every_call_ends_in_exactly_one_bucket(rig: Rig, seed: int) -> None:
    fates = random.Random(seed).choices(("ok", "bad", "refused", "cancelled"), k=CALLS)
    refusing = 0

    async def refuse_some() -> None:
        nonlocal refusing
        if rig.ranker.contexts[-1].user_id == "refused":
            refusing += 1
            raise Overloaded("full", 0.1)
        if rig.ranker.contexts[-1].user_id == "cancelled":
            await asyncio.Event().wait()

    async def ask(fate: str) -> str:
        user = "" if fate == "bad" else fate
        call = rig.ranking.Recommend(
            ranking_pb2.RecommendRequest(context=ranking_pb2.Context(user_id=user)),
            timeout=60 if fate != "cancelled" else 0.5,
        )
        try:
            await call
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    rig.ranker.before = refuse_some
    ended = await asyncio.gather(*(ask(fate) for fate in fates))
    codes = {"ok": "OK", "bad": "INVALID_ARGUMENT", "refused": "RESOURCE_EXHAUSTED", "cancelled": "DEADLINE_EXCEEDED"}
    assert ended == [codes[fate] for fate in fates], f"seed {seed}"

    labels = {"grpc_service": "crossrank.v1.RankingService", "grpc_method": "Recommend"}
    await until(lambda: rig.counted("grpc_server_in_flight", **labels) == 0)
    started = rig.counted("grpc_server_started_total", **labels)
    buckets = {*codes.values(), "CANCELLED"}  # a caller may leave just before its deadline
    handled = sum(rig.counted("grpc_server_handled_total", **labels, grpc_code=code) for code in buckets)
    assert started == handled
    assert refusing == fates.count("refused") == rig.counted("crossrank_errors_total", reason="OVERLOADED")
