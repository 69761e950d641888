"""What a caller asks arrives at the service whole, with a deadline and a name."""

import json
from typing import Any

import grpc
import pytest

from crossrank.v1 import ranking_pb2, types_pb2
from crossrank_client import (
    AnyOf,
    Candidate,
    CandidateOptions,
    Context,
    CrossrankClient,
    DiversityCap,
    Equals,
    History,
    HistoryEvent,
    InRange,
    Query,
    RankingOptions,
    Reading,
    Seed,
    Subject,
    User,
)
from crossrank_client.channel import parse_service_config, shipped_service_config
from tests.clients.scripted import ScriptedServer, answers
from tests.paths import ROOT


async def test_every_field_of_a_rerank_arrives(server: ScriptedServer, client: CrossrankClient) -> None:
    script = server.script("Rerank", answers(ranking_pb2.RerankResponse()))
    context = Context(
        History((HistoryEvent("1", {"title": "Alien"}), HistoryEvent("2"))),
        session_query="space",
        surface="home",
        locale="en-GB",
        features={"hour": 21.0, "new": True, "device": "tv", "tags": ("a", "b")},
    )
    await client.rerank(
        context, ["7", Candidate("8", {"title": "Heat"}, first_stage_score=0.0)], options=RankingOptions(top_n=3)
    )
    expected = ranking_pb2.RerankRequest(
        context=ranking_pb2.Context(
            history=ranking_pb2.History(
                events=[
                    ranking_pb2.HistoryEvent(item_id="1", fields={"title": "Alien"}),
                    ranking_pb2.HistoryEvent(item_id="2"),
                ]
            ),
            session_query="space",
            surface="home",
            locale="en-GB",
            features={
                "hour": types_pb2.AttributeValue(number=21.0),
                "new": types_pb2.AttributeValue(flag=True),
                "device": types_pb2.AttributeValue(text="tv"),
                "tags": types_pb2.AttributeValue(labels=types_pb2.Labels(values=["a", "b"])),
            },
        ),
        candidates=[
            ranking_pb2.Candidate(item_id="7"),
            ranking_pb2.Candidate(item_id="8", fields={"title": "Heat"}, first_stage_score=0.0),
        ],
        options=ranking_pb2.RankingOptions(top_n=3, priority=ranking_pb2.PRIORITY_INTERACTIVE),
    )
    assert script.received[0].request == expected
    assert script.received[0].request.candidates[1].HasField("first_stage_score")
    assert not script.received[0].request.candidates[0].HasField("first_stage_score")


async def test_every_ranking_option_arrives(server: ScriptedServer, client: CrossrankClient) -> None:
    script = server.script("Recommend", answers(ranking_pb2.RecommendResponse()))
    options = RankingOptions(
        top_n=3,
        min_score=0.25,
        batch=True,
        require_rerank=True,
        return_items=True,
        reject_long_items=True,
        model="champion",
        explain=True,
        reading=Reading.ALWAYS,
        first_stage_order=True,
        diversity_cap=DiversityCap("author", 2),
    )
    await client.recommend(User("u"), options=options)
    assert script.received[0].request.options == ranking_pb2.RankingOptions(
        top_n=3,
        min_score=0.25,
        priority=ranking_pb2.PRIORITY_BATCH,
        require_rerank=True,
        return_items=True,
        truncation_policy=ranking_pb2.TRUNCATION_POLICY_REJECT,
        model="champion",
        explain=True,
        reading=ranking_pb2.READING_ALWAYS,
        first_stage_order=True,
        diversity_cap=ranking_pb2.DiversityCap(attribute="author", maximum=2),
    )


@pytest.mark.parametrize(
    ("reading", "expected"),
    [
        (Reading.AUTO, ranking_pb2.READING_UNSPECIFIED),
        (Reading.ALWAYS, ranking_pb2.READING_ALWAYS),
        (Reading.NEVER, ranking_pb2.READING_NEVER),
    ],
)
async def test_every_way_of_reading_arrives(
    server: ScriptedServer, client: CrossrankClient, reading: Reading, expected: ranking_pb2.Reading
) -> None:
    script = server.script("Recommend", answers(ranking_pb2.RecommendResponse()))
    await client.recommend(User("u"), options=RankingOptions(reading=reading))
    assert script.received[0].request.options.reading == expected


async def test_every_field_of_candidate_options_arrives(server: ScriptedServer, client: CrossrankClient) -> None:
    script = server.script("Recommend", answers(ranking_pb2.RecommendResponse()))
    options = CandidateOptions(
        sources=("popular",),
        limit=50,
        filters=(Equals("lang", "en"), AnyOf("genres", ("drama", "war")), InRange("year", maximum=1999.0)),
        exclude_item_ids=("3",),
        include_seen=True,
    )
    await client.recommend(User("u"), candidates=options)
    assert script.received[0].request.candidates == ranking_pb2.CandidateOptions(
        sources=["popular"],
        limit=50,
        filters=[
            types_pb2.Filter(attribute="lang", equals=types_pb2.AttributeValue(text="en")),
            types_pb2.Filter(attribute="genres", any_of=types_pb2.Labels(values=["drama", "war"])),
            types_pb2.Filter(attribute="year", in_range=types_pb2.NumberRange(maximum=1999.0)),
        ],
        exclude_item_ids=["3"],
        include_seen=True,
    )


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (User("u"), ranking_pb2.Context(user_id="u")),
        (Query("war films"), ranking_pb2.Context(query="war films")),
        (Seed("5"), ranking_pb2.Context(seed_item_id="5")),
        (
            History.of("9", "8"),
            ranking_pb2.Context(
                history=ranking_pb2.History(
                    events=[ranking_pb2.HistoryEvent(item_id="9"), ranking_pb2.HistoryEvent(item_id="8")]
                )
            ),
        ),
    ],
)
async def test_a_bare_subject_is_a_context(
    server: ScriptedServer, client: CrossrankClient, subject: Subject, expected: ranking_pb2.Context
) -> None:
    script = server.script("Recommend", answers(ranking_pb2.RecommendResponse()))
    await client.recommend(subject)
    assert script.received[0].request.context == expected


async def test_clients_of_one_process_share_no_connection(server: ScriptedServer) -> None:
    """gRPC may crash where channels with health-aware balancing share one."""
    peers = []

    async def tell(_request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> list[ranking_pb2.RecommendResponse]:
        peers.append(context.peer())
        return [ranking_pb2.RecommendResponse()]

    server.script("Recommend", tell)
    async with CrossrankClient(server.target) as one, CrossrankClient(server.target) as other:
        for client in (one, other, one):
            await client.recommend(User("u"))
    assert peers[0] == peers[2] != peers[1]


async def test_the_service_sees_the_timeout_of_the_call_even_above_that_of_the_service_config(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    script = server.script("SimilarItems", answers(ranking_pb2.SimilarItemsResponse()))
    config_s = shipped_service_config().timeout_s("/crossrank.v1.RankingService/SimilarItems")
    await client.similar_items("1", timeout_s=config_s + 30)
    await client.similar_items("1")
    longer_s, default_s = (one.time_left_s for one in script.received)
    assert longer_s is not None
    assert config_s + 1 < longer_s < config_s + 31
    assert default_s is not None
    assert 0 < default_s < config_s + 1


async def test_a_timeout_of_the_client_holds_for_all_its_calls(server: ScriptedServer) -> None:
    script = server.script("GetInfo", answers(ranking_pb2.GetInfoResponse()))
    async with CrossrankClient(server.target, timeout_s=40.0) as patient:
        await patient.get_info()
        await patient.get_info(timeout_s=20.0)
    first_s, second_s = (one.time_left_s for one in script.received)
    assert first_s is not None
    assert 21 < first_s < 41
    assert second_s is not None
    assert second_s < 21


@pytest.mark.parametrize("timeout_s", [0.0, -1.0, float("nan")])
async def test_a_timeout_that_no_answer_can_meet_is_refused(client: CrossrankClient, timeout_s: float) -> None:
    with pytest.raises(ValueError, match="above 0 seconds"):
        await client.get_info(timeout_s=timeout_s)


async def test_every_call_carries_the_callers_request_id_or_a_new_one(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    script = server.script("GetInfo", answers(ranking_pb2.GetInfoResponse()))
    await client.get_info(request_id="mine")
    await client.get_info()
    await client.get_info()
    ids = [one.metadata["x-request-id"] for one in script.received]
    assert ids[0] == "mine"
    assert len(set(ids)) == 3


async def test_metadata_of_the_client_goes_with_every_call(server: ScriptedServer) -> None:
    script = server.script("GetInfo", answers(ranking_pb2.GetInfoResponse()))
    async with CrossrankClient(server.target, metadata=[("authorization", "Bearer t")]) as known:
        await known.get_info()
    assert script.received[0].metadata["authorization"] == "Bearer t"


def test_the_shipped_service_config_is_that_of_the_api() -> None:
    shipped = ROOT / "protos/python/crossrank/v1/service_config.json"
    assert shipped.read_bytes() == (ROOT / "protos/crossrank/v1/service_config.json").read_bytes(), "run make proto"


def test_a_methods_own_timeout_goes_before_that_of_its_service() -> None:
    config = parse_service_config(
        json.dumps(
            {
                "methodConfig": [
                    {"name": [{"service": "a.S"}], "timeout": "2s"},
                    {"name": [{"service": "a.S", "method": "Long"}], "timeout": "30.5s"},
                ]
            }
        )
    )
    assert config.timeout_s("/a.S/Short") == 2
    assert config.timeout_s("/a.S/Long") == 30.5
    assert config.timeout_s("/b.S/Unnamed") == 2
    assert "timeout" not in config.channel_json
