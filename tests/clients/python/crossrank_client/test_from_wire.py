"""What the service answers reaches the caller whole."""

from dataclasses import fields

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.duration_pb2 import Duration

from crossrank.v1 import ranking_pb2, types_pb2
from crossrank_client import (
    Contribution,
    CrossrankClient,
    CrossrankDegraded,
    Degradation,
    Item,
    Limits,
    ListStage,
    MeasuredOrder,
    Model,
    RankedItem,
    Ranker,
    RankingMetadata,
    RankingOptions,
    ServiceInfo,
    StageTime,
    Usage,
    User,
    from_wire,
)
from tests.clients.scripted import ScriptedServer, answers

DEGRADED = ranking_pb2.RankingMetadata(
    request_id="r1",
    degraded=[ranking_pb2.Degradation(reason=ranking_pb2.DEGRADED_REASON_DEADLINE, detail="12 of 100 scored")],
)


async def test_every_field_of_a_ranked_item_is_returned(server: ScriptedServer, client: CrossrankClient) -> None:
    scored = ranking_pb2.RankedItem(
        item_id="5",
        rank=1,
        first_stage_rank=7,
        logit=0.0,
        score=0.5,
        truncated=True,
        tokens=42,
        sources=["popular", "text_ann"],
        cached=True,
        fields={"title": "Alien"},
        contributions=[ranking_pb2.HistoryContribution(item_id="1", logit_difference=0.25)],
    )
    invalid = ranking_pb2.RankedItem(item_id="6", rank=2, first_stage_rank=1, score_invalid=True)
    server.script("Recommend", answers(ranking_pb2.RecommendResponse(items=[scored, invalid])))
    ranked = await client.recommend(User("u"))
    assert ranked.items == (
        RankedItem(
            item_id="5",
            rank=1,
            first_stage_rank=7,
            logit=0.0,
            score=0.5,
            truncated=True,
            tokens=42,
            sources=("popular", "text_ann"),
            cached=True,
            fields={"title": "Alien"},
            contributions=(Contribution("1", 0.25),),
        ),
        RankedItem(item_id="6", rank=2, first_stage_rank=1, logit=None, score=None, score_invalid=True),
    )
    assert [item.moved for item in ranked.items] == [6, -1]


async def test_every_field_of_the_metadata_is_returned(server: ScriptedServer, client: CrossrankClient) -> None:
    metadata = ranking_pb2.RankingMetadata(
        request_id="r",
        attribution_token="t",
        model="m",
        model_version="2",
        encoding_fingerprint="f",
        degraded=[
            ranking_pb2.Degradation(reason=ranking_pb2.DEGRADED_REASON_SCORE_INVALID, detail="1 item"),
            ranking_pb2.Degradation.FromString(b"\x08\x4d\x12\x05newer"),
        ],
        candidate_count=100,
        scored_count=99,
        cache_hits=3,
        coalesced=2,
        stages=[ranking_pb2.StageTime(stage="score", duration=Duration(nanos=250_000_000))],
        total=Duration(seconds=1, nanos=500_000_000),
        usage=ranking_pb2.Usage(context_tokens=5, scored_tokens=6, model_requests=7),
        ordered_by=ranking_pb2.ORDERED_BY_TREES,
        ordered_by_version="0123456789ab",
        unread_fields=["plot"],
    )
    server.script("Recommend", answers(ranking_pb2.RecommendResponse(metadata=metadata)))
    assert (await client.recommend(User("u"))).metadata == RankingMetadata(
        request_id="r",
        attribution_token="t",
        model="m",
        model_version="2",
        encoding_fingerprint="f",
        degraded=(Degradation("SCORE_INVALID", "1 item"), Degradation("UNKNOWN_77", "newer")),
        candidate_count=100,
        scored_count=99,
        cache_hits=3,
        coalesced=2,
        stages=(StageTime("score", 0.25),),
        total_s=1.5,
        usage=Usage(5, 6, 7),
        ordered_by="TREES",
        ordered_by_version="0123456789ab",
        unread_fields=("plot",),
    )


@pytest.mark.parametrize(
    ("number", "name"), [(0, "UNSPECIFIED"), (1, "FIRST_STAGE"), (2, "TREES"), (3, "READER"), (77, "UNKNOWN_77")]
)
async def test_an_order_that_only_a_newer_service_knows_is_told_by_its_number(
    server: ScriptedServer, client: CrossrankClient, number: int, name: str
) -> None:
    metadata = ranking_pb2.RankingMetadata.FromString(bytes([14 << 3, number]))
    server.script("Recommend", answers(ranking_pb2.RecommendResponse(metadata=metadata)))
    assert (await client.recommend(User("u"))).metadata.ordered_by == name


@pytest.mark.parametrize(
    ("message", "value"),
    [
        (ranking_pb2.RankedItem.DESCRIPTOR, RankedItem),
        (ranking_pb2.RankingMetadata.DESCRIPTOR, RankingMetadata),
        (ranking_pb2.Usage.DESCRIPTOR, Usage),
        (ranking_pb2.Limits.DESCRIPTOR, Limits),
        (ranking_pb2.ModelInfo.DESCRIPTOR, Model),
        (ranking_pb2.RankerInfo.DESCRIPTOR, Ranker),
        (ranking_pb2.MeasuredOrder.DESCRIPTOR, MeasuredOrder),
        (ranking_pb2.GetInfoResponse.DESCRIPTOR, ServiceInfo),
        (ranking_pb2.RankingOptions.DESCRIPTOR, RankingOptions),
        (types_pb2.Item.DESCRIPTOR, Item),
    ],
)
def test_no_field_of_the_api_is_left_out(message: Descriptor, value: type) -> None:
    renamed = {"priority": "batch", "truncation_policy": "reject_long_items"}
    expected = {renamed.get(one.name, one.name) for one in message.fields}
    assert {one.name.removesuffix("_s") for one in fields(value)} == expected


async def test_info_lists_limits_and_models(server: ScriptedServer, client: CrossrankClient) -> None:
    model = ranking_pb2.ModelInfo(
        name="m",
        version="1",
        encoding_fingerprint="f",
        template="t",
        item_fields=["title"],
        ready=True,
        reading_pays=["warm"],
        reading_judged=True,
    )
    limits = ranking_pb2.Limits(
        max_candidates=1,
        max_history_events=2,
        max_field_bytes=3,
        max_pair_tokens=4,
        default_deadline=Duration(seconds=5),
        max_deadline=Duration(seconds=6),
        default_candidates=7,
        default_top_n=8,
        max_request_bytes=9,
    )
    message = ranking_pb2.GetInfoResponse(version="1.2.3", limits=limits, models=[model], candidate_sources=["popular"])
    server.script("GetInfo", answers(message))
    told = Model("m", "1", "f", "t", ("title",), True, reading_pays=("warm",), reading_judged=True)
    assert await client.get_info() == ServiceInfo("1.2.3", Limits(1, 2, 3, 4, 5.0, 6.0, 7, 8, 9), (told,), ("popular",))


async def test_info_has_the_ranker_that_was_fitted_and_none_before(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    measured = ranking_pb2.MeasuredOrder(name="own", ndcg=0.5, low=0.25, high=0.75, difference=0.125, p=0.0625)
    ranker = ranking_pb2.RankerInfo(
        version="v", serves="own", reason="better", users=300, measured=[measured], first_stage="blend"
    )
    server.script(
        "GetInfo", answers(ranking_pb2.GetInfoResponse()), answers(ranking_pb2.GetInfoResponse(ranker=ranker))
    )
    assert (await client.get_info()).ranker is None
    rows = (MeasuredOrder("own", 0.5, 0.25, 0.75, 0.125, 0.0625),)
    expected = Ranker("v", "own", "better", 300, rows, first_stage="blend")
    assert (await client.get_info()).ranker == expected


async def test_a_degraded_answer_is_returned_and_says_so(server: ScriptedServer, client: CrossrankClient) -> None:
    server.script("Rerank", answers(ranking_pb2.RerankResponse(metadata=DEGRADED)))
    assert (await client.rerank(User("u"), ["1"])).degraded


async def test_a_degraded_answer_is_raised_with_the_answer_when_asked(server: ScriptedServer) -> None:
    items = [ranking_pb2.RankedItem(item_id="5", rank=1, first_stage_rank=1)]
    server.script("Rerank", answers(ranking_pb2.RerankResponse(items=items, metadata=DEGRADED)))
    server.script("Recommend", answers(ranking_pb2.RecommendResponse()))
    async with CrossrankClient(server.target, raise_on_degraded=True) as strict:
        with pytest.raises(CrossrankDegraded, match=r"DEADLINE: 12 of 100 scored \[request r1\]") as raised:
            await strict.rerank(User("u"), ["5"])
        assert not (await strict.recommend(User("u"))).degraded
    assert [item.item_id for item in raised.value.result.items] == ["5"]
    assert raised.value.request_id == "r1"


async def test_a_stream_gives_first_stage_order_then_the_reranked_list(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    server.script("RecommendStream", answers(*_stream(ranking_pb2.RankingMetadata())))
    stages = [(one.stage, one.ranked.items[0].item_id) async for one in client.recommend_stream(User("u"))]
    assert stages == [(ListStage.FIRST_STAGE, "1"), (ListStage.RERANKED, "2")]


async def test_a_strict_client_of_a_stream_gets_first_stage_order_before_the_degraded_end(
    server: ScriptedServer,
) -> None:
    server.script("RecommendStream", answers(*_stream(DEGRADED)))
    async with CrossrankClient(server.target, raise_on_degraded=True) as strict:
        answers_of_stream = strict.recommend_stream(User("u"))
        assert (await anext(answers_of_stream)).stage is ListStage.FIRST_STAGE
        with pytest.raises(CrossrankDegraded):
            await anext(answers_of_stream)


@pytest.mark.parametrize(
    ("wire", "value"),
    [
        (types_pb2.AttributeValue(text=""), ""),
        (types_pb2.AttributeValue(number=0.0), 0.0),
        (types_pb2.AttributeValue(flag=False), False),
        (types_pb2.AttributeValue(labels=types_pb2.Labels()), ()),
    ],
)
def test_an_attribute_keeps_its_kind_when_it_is_empty(wire: types_pb2.AttributeValue, value: object) -> None:
    decoded = from_wire.item(types_pb2.Item(item_id="1", attributes={"a": wire})).attributes["a"]
    assert decoded == value
    assert type(decoded) is type(value)


def _stream(last: ranking_pb2.RankingMetadata) -> list[ranking_pb2.RecommendStreamResponse]:
    return [
        ranking_pb2.RecommendStreamResponse(
            items=[ranking_pb2.RankedItem(item_id="1", rank=1, first_stage_rank=1)],
            stage=ranking_pb2.LIST_STAGE_FIRST_STAGE,
            metadata=last,
        ),
        ranking_pb2.RecommendStreamResponse(
            items=[ranking_pb2.RankedItem(item_id="2", rank=1, first_stage_rank=2)],
            stage=ranking_pb2.LIST_STAGE_RERANKED,
            metadata=last,
        ),
    ]
