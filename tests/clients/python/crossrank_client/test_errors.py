"""Failed calls become typed errors; retries follow the shipped service config and the service's push-back."""

import asyncio
import socket

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2

from crossrank.v1 import catalog_pb2, ranking_pb2
from crossrank_client import (
    CrossrankCallError,
    CrossrankClient,
    CrossrankDeadlineExceeded,
    CrossrankDenied,
    CrossrankNotFound,
    CrossrankOverloaded,
    CrossrankRequestInvalid,
    CrossrankServerFault,
    CrossrankUnavailable,
    Item,
    RankingOptions,
    User,
    Violation,
)
from tests.clients.scripted import Context, ScriptedServer, answers, fails

INFO = answers(ranking_pb2.GetInfoResponse(version="1"))
AWAY = fails(grpc.StatusCode.UNAVAILABLE)
EXPECTED = {
    grpc.StatusCode.INVALID_ARGUMENT: CrossrankRequestInvalid,
    grpc.StatusCode.OUT_OF_RANGE: CrossrankRequestInvalid,
    grpc.StatusCode.NOT_FOUND: CrossrankNotFound,
    grpc.StatusCode.UNAUTHENTICATED: CrossrankDenied,
    grpc.StatusCode.PERMISSION_DENIED: CrossrankDenied,
    grpc.StatusCode.RESOURCE_EXHAUSTED: CrossrankOverloaded,
    grpc.StatusCode.DEADLINE_EXCEEDED: CrossrankDeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: CrossrankUnavailable,
}


@pytest.mark.parametrize("code", [one for one in grpc.StatusCode if one is not grpc.StatusCode.OK])
async def test_every_status_has_its_error(
    server: ScriptedServer, client: CrossrankClient, code: grpc.StatusCode
) -> None:
    server.script("GetInfo", fails(code, "what happened"))
    with pytest.raises(CrossrankCallError, match=rf"{code.name}: what happened \[request mine\]") as raised:
        await client.get_info(request_id="mine")
    assert type(raised.value) is EXPECTED.get(code, CrossrankServerFault)
    assert raised.value.code is code
    assert raised.value.request_id == "mine"


async def test_violations_of_a_bad_request_are_listed(server: ScriptedServer, client: CrossrankClient) -> None:
    violations = [
        error_details_pb2.BadRequest.FieldViolation(field="candidates", description="has 0; 1 to 1000 are allowed"),
        error_details_pb2.BadRequest.FieldViolation(field="options.min_score", description="is 2; 0 to 1"),
    ]
    step = fails(
        grpc.StatusCode.INVALID_ARGUMENT,
        "bad",
        error_details_pb2.ErrorInfo(reason="INVALID_REQUEST", domain="crossrank"),
        error_details_pb2.BadRequest(field_violations=violations),
    )
    server.script("Rerank", step)
    with pytest.raises(CrossrankRequestInvalid) as raised:
        await client.rerank(User("u"), [], options=RankingOptions(min_score=2.0))
    assert raised.value.reason == "INVALID_REQUEST"
    assert raised.value.violations == (
        Violation("candidates", "has 0; 1 to 1000 are allowed"),
        Violation("options.min_score", "is 2; 0 to 1"),
    )


async def test_an_overloaded_service_says_when_to_come_back_and_is_not_retried(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    retry = error_details_pb2.RetryInfo(retry_delay=Duration(nanos=200_000_000))
    script = server.script("GetInfo", fails(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", retry), INFO)
    with pytest.raises(CrossrankOverloaded) as raised:
        await client.get_info()
    assert raised.value.retry_after_s == pytest.approx(0.2)
    assert len(script.received) == 1


async def test_details_that_contradict_the_status_are_not_believed(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    async def contradict(_request: object, context: Context) -> list[ranking_pb2.GetInfoResponse]:
        foreign = b"\x08\x05\x12\x05other"  # google.rpc.Status of another code and message
        await context.abort(grpc.StatusCode.INTERNAL, "ours", (("grpc-status-details-bin", foreign),))
        return []

    server.script("GetInfo", contradict)
    with pytest.raises(CrossrankServerFault, match="INTERNAL: ours") as raised:
        await client.get_info()
    assert raised.value.reason == ""


async def test_a_message_too_large_for_the_transport_is_an_invalid_request_not_an_overload() -> None:
    async with (
        ScriptedServer([("grpc.max_receive_message_length", 1000)]) as small,
        CrossrankClient(small.target) as client,
    ):
        script = small.script("Rerank", answers(ranking_pb2.RerankResponse()))
        with pytest.raises(CrossrankRequestInvalid, match="larger than max"):
            await client.rerank(User("u"), ["x" * 2000])
    assert script.received == []


async def test_a_call_ends_at_its_timeout_and_the_service_learns_of_it(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    script = server.script("GetInfo", _never)
    with pytest.raises(CrossrankDeadlineExceeded):
        await client.get_info(timeout_s=0.1)
    await asyncio.wait_for(script.cancelled.wait(), 10)


async def test_leaving_a_stream_early_cancels_it_on_the_service(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    script = server.script("RecommendStream", _never)
    answers_of_stream = client.recommend_stream(User("u"), timeout_s=30)
    waiting = asyncio.ensure_future(anext(answers_of_stream))
    while not script.received:
        await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(script.cancelled.wait(), 10)


async def test_an_unavailable_service_is_asked_again_until_it_answers(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    script = server.script("GetInfo", AWAY, AWAY, INFO)
    assert (await client.get_info()).version == "1"
    assert len(script.received) == 3
    assert len({one.metadata["x-request-id"] for one in script.received}) == 1


async def test_a_call_is_tried_four_times_at_most(server: ScriptedServer, client: CrossrankClient) -> None:
    script = server.script("GetInfo", AWAY)
    with pytest.raises(CrossrankUnavailable):
        await client.get_info()
    assert len(script.received) == 4


async def test_a_push_back_of_the_service_stops_retries(server: ScriptedServer, client: CrossrankClient) -> None:
    script = server.script("GetInfo", fails(grpc.StatusCode.UNAVAILABLE, pushback_ms=-1), INFO)
    with pytest.raises(CrossrankUnavailable):
        await client.get_info()
    assert len(script.received) == 1


async def test_a_client_that_only_fails_stops_retrying(server: ScriptedServer, client: CrossrankClient) -> None:
    script = server.script("GetInfo", AWAY)
    for _ in range(20):
        with pytest.raises(CrossrankUnavailable):
            await client.get_info()
    assert 20 < len(script.received) < 32, "retryThrottling should end retries after about ten failures"


@pytest.mark.parametrize(
    "code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.CANCELLED]
)
async def test_other_failures_are_not_retried(
    server: ScriptedServer, client: CrossrankClient, code: grpc.StatusCode
) -> None:
    script = server.script("GetInfo", fails(code), INFO)
    with pytest.raises(CrossrankCallError):
        await client.get_info()
    assert len(script.received) == 1


async def test_an_upload_is_not_retried(server: ScriptedServer, client: CrossrankClient) -> None:
    script = server.script("UpsertItems", AWAY, answers(catalog_pb2.UpsertItemsResponse()))
    with pytest.raises(CrossrankUnavailable):
        await client.upsert_items([Item("1")])
    assert len(script.received) == 1


async def test_a_service_that_is_not_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, never listening: connections are refused
        async with CrossrankClient(f"127.0.0.1:{taken.getsockname()[1]}") as client:
            with pytest.raises(CrossrankUnavailable):
                await client.get_info(timeout_s=10)


async def _never(_request: object, _context: Context) -> list[ranking_pb2.GetInfoResponse]:
    await asyncio.Event().wait()
    return []
