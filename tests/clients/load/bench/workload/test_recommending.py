"""Recommend beside Rerank: the same candidates for the same users, in turn; a degraded answer is no measurement."""

import pytest

from clients.load.bench.workload.recommending import Recommending, measure
from crossrank.v1 import ranking_pb2
from crossrank_client import CrossrankDegraded
from tests.clients.scripted import ScriptedServer, answers

ITEMS = [ranking_pb2.RankedItem(item_id=str(number), rank=number + 1, logit=0.5) for number in range(3)]


async def test_both_calls_are_timed_for_every_user_with_the_same_candidates() -> None:
    async with ScriptedServer() as server:
        recommend = server.script("Recommend", answers(ranking_pb2.RecommendResponse(items=ITEMS)))
        rerank = server.script("Rerank", answers(ranking_pb2.RerankResponse(items=ITEMS)))
        found = await measure(server.target, ["1", "2", "3"])
    assert len(found.recommend_ms) == len(found.rerank_ms) == 3
    assert len(recommend.received) == 1 + 2 * 3, "one uncounted, and for each user one to learn the candidates"
    assert [call.request.context.user_id for call in rerank.received] == ["1", "2", "3"]
    for call in rerank.received:
        assert [one.item_id for one in call.request.candidates] == ["0", "1", "2"]


async def test_a_degraded_answer_ends_the_measurement() -> None:
    metadata = ranking_pb2.RankingMetadata(
        degraded=[ranking_pb2.Degradation(reason="DEGRADED_REASON_DEADLINE", detail="late")]
    )
    async with ScriptedServer() as server:
        server.script("Recommend", answers(ranking_pb2.RecommendResponse(items=ITEMS, metadata=metadata)))
        with pytest.raises(CrossrankDegraded):
            await measure(server.target, ["1"])


def test_the_document_has_the_difference_of_medians_and_the_raw_times() -> None:
    document = Recommending((30.0, 50.0, 40.0), (10.0, 20.0, 30.0)).document()
    assert document["recommend_minus_rerank_p50_ms"] == 20.0
    assert document["raw_recommend_ms"] == [30.0, 50.0, 40.0]
    assert document["users"] == 3
