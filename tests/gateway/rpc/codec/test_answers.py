"""A ranked list reaches the caller whole: what was scored, what was not, and how it came about."""

from dataclasses import replace

import pytest

from crossrank.v1 import ranking_pb2
from gateway.domain.order import OrderedBy, RankedBy
from gateway.domain.values import Degradation, Item, RankedList, Reason, ScoredItem, Usage
from tests.gateway.rpc.fakes import MODEL
from tests.gateway.rpc.rig import Rig

REQUEST = ranking_pb2.RecommendRequest(context=ranking_pb2.Context(user_id="u"))
FULL = RankedList(
    items=(
        ScoredItem(
            "a", 1, 7, 2.5, 0.75, truncated=True, tokens=40, sources=("popular",), cached=True,
            item=Item("a", {"title": "A"}), contributions=(("h1", 0.5), ("h2", -0.25)),
        ),
        ScoredItem("b", 2, 1, None, None),
        ScoredItem("c", 3, 2, None, None, score_invalid=True),
    ),
    model=MODEL,
    request_id="r-1",
    ranked_by=RankedBy(OrderedBy.TREES, "0123456789ab"),
    attribution_token="token",
    degraded=(Degradation(Reason.DEADLINE, "1 of 3 scored"),),
    candidate_count=3,
    scored_count=1,
    cache_hits=1,
    coalesced=2,
    stages=(("history", 0.001), ("score", 0.25)),
    usage=Usage(12, 340, 2),
    unread_fields=("cast", "plot"),
)  # fmt: skip


async def test_every_field_of_a_list_is_told(rig: Rig) -> None:
    rig.ranker.ranked = FULL
    answer = await rig.ranking.Recommend(REQUEST)
    best = answer.items[0]
    assert (best.item_id, best.rank, best.first_stage_rank, best.logit, best.score) == ("a", 1, 7, 2.5, 0.75)
    assert (best.truncated, best.tokens, list(best.sources), best.cached) == (True, 40, ["popular"], True)
    assert dict(best.fields) == {"title": "A"}
    assert [(one.item_id, one.logit_difference) for one in best.contributions] == [("h1", 0.5), ("h2", -0.25)]
    metadata = answer.metadata
    assert (metadata.request_id, metadata.attribution_token) == ("r-1", "token")
    assert (metadata.model, metadata.model_version, metadata.encoding_fingerprint) == (
        MODEL.name,
        MODEL.version,
        MODEL.fingerprint,
    )
    assert (metadata.candidate_count, metadata.scored_count, metadata.cache_hits, metadata.coalesced) == (3, 1, 1, 2)
    assert [(one.stage, one.duration.ToMilliseconds()) for one in metadata.stages] == [("history", 1), ("score", 250)]
    assert (metadata.usage.context_tokens, metadata.usage.scored_tokens, metadata.usage.model_requests) == (12, 340, 2)
    assert metadata.total.ToNanoseconds() > 0
    assert (metadata.ordered_by, metadata.ordered_by_version) == (ranking_pb2.ORDERED_BY_TREES, "0123456789ab")
    assert list(metadata.unread_fields) == ["cast", "plot"]


async def test_an_item_without_a_score_has_none_rather_than_zero(rig: Rig) -> None:
    rig.ranker.ranked = FULL
    _, unscored, invalid = (await rig.ranking.Recommend(REQUEST)).items
    assert not unscored.HasField("logit")
    assert not unscored.HasField("score")
    assert not unscored.score_invalid
    assert invalid.score_invalid


@pytest.mark.parametrize("reason", list(Reason))
async def test_every_reason_of_degradation_has_its_value_in_the_api(rig: Rig, reason: Reason) -> None:
    rig.ranker.ranked = replace(FULL, degraded=(Degradation(reason, "why"),))
    (told,) = (await rig.ranking.Recommend(REQUEST)).metadata.degraded
    assert ranking_pb2.DegradedReason.Name(told.reason) == f"DEGRADED_REASON_{reason.name}"
    assert told.detail == "why"


@pytest.mark.parametrize("by", list(OrderedBy))
async def test_every_order_has_its_value_in_the_api(rig: Rig, by: OrderedBy) -> None:
    rig.ranker.ranked = replace(FULL, ranked_by=RankedBy(by, "v"))
    metadata = (await rig.ranking.Recommend(REQUEST)).metadata
    assert ranking_pb2.OrderedBy.Name(metadata.ordered_by) == f"ORDERED_BY_{by.name}"
    assert metadata.ordered_by_version == "v"


async def test_a_stream_sends_first_stage_order_and_then_the_reranked_list(rig: Rig) -> None:
    request = ranking_pb2.RecommendStreamRequest(context=REQUEST.context)
    answers = [answer async for answer in rig.ranking.RecommendStream(request)]
    assert [answer.stage for answer in answers] == [
        ranking_pb2.LIST_STAGE_FIRST_STAGE,
        ranking_pb2.LIST_STAGE_RERANKED,
    ]
    assert [[item.item_id for item in answer.items] for answer in answers] == [["b", "a"], ["a", "b"]]


async def test_get_info_publishes_the_limits_that_requests_are_checked_against(rig: Rig) -> None:
    info = await rig.ranking.GetInfo(ranking_pb2.GetInfoRequest())
    assert info.version == "1.2.3"
    assert list(info.candidate_sources) == ["item_neighbors", "popular"]
    limits = rig.limits
    assert (info.limits.max_candidates, info.limits.max_field_bytes) == (limits.max_candidates, limits.max_field_bytes)
    assert info.limits.default_deadline.ToMilliseconds() == 1000
    assert info.limits.max_deadline.ToMilliseconds() == 5000
    assert info.limits.max_request_bytes == limits.max_request_bytes
    assert info.limits.max_pair_tokens == 91, "the model's"
    (model,) = info.models
    assert (model.name, model.version, model.encoding_fingerprint) == (MODEL.name, MODEL.version, MODEL.fingerprint)
    assert (model.template, list(model.item_fields), model.ready) == ("history-v1", ["title", "genres"], True)
