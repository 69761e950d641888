"""Request ids, deadlines, cancellation and counting: what happens to every call, whatever it asks."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from crossrank.v1 import catalog_pb2, ranking_pb2, types_pb2
from gateway.domain.errors import DeadlineTooShort
from gateway.domain.limits import Limits
from gateway.rpc.calls import budget_of, request_id_of
from tests.gateway.rpc.rig import Rig, refusal, serving, until

REQUEST = ranking_pb2.RecommendRequest(context=ranking_pb2.Context(user_id="u"))
STREAM_REQUEST = ranking_pb2.RecommendStreamRequest(context=REQUEST.context)
RECOMMEND = {"grpc_service": "crossrank.v1.RankingService", "grpc_method": "Recommend"}


async def forever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("given", ["r-1", "A" * 128, "550e8400-e29b-41d4-a716-446655440000", "trace:1/2+3=@x"])
async def test_the_callers_request_id_names_the_call_everywhere(rig: Rig, given: str) -> None:
    call = rig.ranking.Recommend(REQUEST, metadata=(("x-request-id", given),))
    answer = await call
    assert rig.ranker.calls[0].request_id == answer.metadata.request_id == given
    assert (await call.trailing_metadata())["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "A" * 129, "two words", "{json}", "a'--"])
async def test_an_odd_request_id_is_replaced(rig: Rig, given: str) -> None:
    answer = await rig.ranking.Recommend(REQUEST, metadata=(("x-request-id", given),))
    assert answer.metadata.request_id not in {given, ""}


def test_ids_made_here_differ() -> None:
    assert len({request_id_of(()) for _ in range(1000)}) == 1000


async def test_a_refusal_carries_the_request_id_too(rig: Rig) -> None:
    refused = await refusal(rig.ranking.Rerank(ranking_pb2.RerankRequest(), metadata=(("x-request-id", "r-2"),)))
    assert refused.trailers["x-request-id"] == "r-2"


@pytest.mark.parametrize(
    ("remaining_s", "streams", "most_s"),
    [(None, False, 1.0), (0.5, False, 0.5), (3600.0, False, 5.0), (None, True, 300.0), (20.0, True, 20.0)],
)
def test_a_budget_is_the_deadline_or_the_default_capped_less_the_reserve(
    remaining_s: float | None, streams: bool, most_s: float
) -> None:
    left_s = budget_of(Limits(), remaining_s, streams).left_s
    assert most_s / 2 < left_s <= most_s - Limits().answer_reserve_s


@pytest.mark.parametrize("remaining_s", [0.0, 0.01, 0.03])
def test_a_deadline_that_leaves_nothing_to_work_with_is_refused(remaining_s: float) -> None:
    with pytest.raises(DeadlineTooShort, match=r"ms were left .* give the call more time"):
        budget_of(Limits(), remaining_s, streams_requests=False)


@pytest.mark.parametrize("timeout_s", [0, -1, 1e-6])
async def test_a_call_without_time_ends_at_once_and_does_no_work(rig: Rig, timeout_s: float) -> None:
    assert (await refusal(rig.ranking.Recommend(REQUEST, timeout=timeout_s))).code is grpc.StatusCode.DEADLINE_EXCEEDED
    assert rig.ranker.calls == []


async def test_a_deadline_of_ten_years_is_cut_to_the_longest(rig: Rig) -> None:
    await rig.ranking.Recommend(REQUEST, timeout=315_360_000)
    assert rig.ranker.calls[0].budget.left_s <= rig.limits.max_deadline_s


async def test_an_upload_has_the_time_of_an_upload(rig: Rig) -> None:
    request = catalog_pb2.UpsertItemsRequest(items=[types_pb2.Item(item_id="i")])
    await rig.catalog.UpsertItems(iter([request]))
    assert rig.limits.max_deadline_s < rig.writer.budgets[0].left_s < rig.limits.max_upload_s


async def test_a_handler_that_forgets_its_budget_is_stopped_with_a_typed_error() -> None:
    async with serving(Limits(default_deadline_s=0.2)) as rig:
        rig.ranker.before = forever
        refused = await refusal(rig.ranking.Recommend(REQUEST))
        assert (refused.code, refused.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT")
        assert rig.ranker.cancelled.is_set()


async def test_a_stream_that_stalls_is_stopped_after_the_answer_it_gave() -> None:
    async with serving(Limits(default_deadline_s=0.2)) as rig:
        rig.ranker.before = forever
        answers = rig.ranking.RecommendStream(STREAM_REQUEST)
        first = await answers.read()
        assert isinstance(first, ranking_pb2.RecommendStreamResponse)
        assert first.stage == ranking_pb2.LIST_STAGE_FIRST_STAGE
        refused = await refusal(answers.read())
        assert (refused.code, refused.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT")
        assert rig.ranker.cancelled.is_set()


async def test_a_stalled_upload_is_stopped_with_a_typed_error() -> None:
    async def one_and_silence() -> AsyncIterator[catalog_pb2.UpsertItemsRequest]:
        yield catalog_pb2.UpsertItemsRequest(items=[types_pb2.Item(item_id="i")])
        await forever()

    async with serving(Limits(max_upload_s=0.2)) as rig:
        refused = await refusal(rig.catalog.UpsertItems(one_and_silence()))
        assert (refused.code, refused.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT")
        assert list(rig.items.items) == ["i"]


async def test_a_time_out_inside_a_handler_is_not_taken_for_the_calls_deadline(rig: Rig) -> None:
    async def time_out() -> None:
        raise TimeoutError

    rig.ranker.before = time_out
    assert (await refusal(rig.ranking.Recommend(REQUEST))).code is grpc.StatusCode.INTERNAL


async def test_a_handler_that_cancels_itself_does_not_leave_its_caller_waiting(rig: Rig) -> None:
    async def cancel_itself() -> None:
        raise asyncio.CancelledError

    rig.ranker.before = cancel_itself
    refused = await refusal(rig.ranking.Recommend(REQUEST, timeout=30))
    assert refused.code is grpc.StatusCode.INTERNAL


async def test_a_callers_cancellation_stops_the_work_and_is_counted(rig: Rig) -> None:
    rig.ranker.before = forever
    call = rig.ranking.Recommend(REQUEST)
    waiting = asyncio.ensure_future(call)
    await rig.ranker.entered.wait()
    assert rig.counted("grpc_server_in_flight", **RECOMMEND) == 1
    call.cancel()
    await rig.ranker.cancelled.wait()
    await until(lambda: rig.counted("grpc_server_handled_total", **RECOMMEND, grpc_code="CANCELLED") == 1)
    assert rig.counted("grpc_server_in_flight", **RECOMMEND) == 0
    assert waiting.cancel() or waiting.cancelled()


async def test_leaving_a_stream_stops_the_work(rig: Rig) -> None:
    rig.ranker.before = forever
    answers = rig.ranking.RecommendStream(STREAM_REQUEST)
    await answers.read()
    await rig.ranker.entered.wait()
    answers.cancel()
    await rig.ranker.cancelled.wait()


async def test_a_deadline_that_passes_is_counted_as_such(rig: Rig) -> None:
    rig.ranker.before = forever
    assert (await refusal(rig.ranking.Recommend(REQUEST, timeout=0.2))).code is grpc.StatusCode.DEADLINE_EXCEEDED
    await until(lambda: rig.counted("grpc_server_handled_total", **RECOMMEND, grpc_code="DEADLINE_EXCEEDED") == 1)


async def test_calls_are_counted_by_method_and_code_and_timed(rig: Rig) -> None:
    await rig.ranking.Recommend(REQUEST)
    await refusal(rig.ranking.Recommend(ranking_pb2.RecommendRequest()))
    await until(lambda: rig.counted("grpc_server_handled_total", **RECOMMEND, grpc_code="INVALID_ARGUMENT") == 1)
    assert rig.counted("grpc_server_handled_total", **RECOMMEND, grpc_code="OK") == 1
    assert rig.counted("grpc_server_started_total", **RECOMMEND) == 2
    assert rig.counted("grpc_server_handling_seconds_count", **RECOMMEND) == 2


async def test_an_unknown_method_is_unimplemented(rig: Rig) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await rig.raw("/crossrank.v1.RankingService/Guess")(b"")
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
