"""The synchronous client asks as the asynchronous one does, from any thread, and ends cleanly."""

import asyncio
import inspect
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest

from crossrank.v1 import catalog_pb2, feedback_pb2, ranking_pb2, types_pb2
from crossrank_client import (
    Candidate,
    CrossrankCallError,
    CrossrankClient,
    CrossrankDeadlineExceeded,
    CrossrankDegraded,
    CrossrankOverloaded,
    CrossrankRequestInvalid,
    CrossrankUnavailable,
    Equals,
    Interaction,
    Item,
    ListStage,
    RankingOptions,
    SyncCrossrankClient,
    User,
)
from tests.clients.scripted import Context, ScriptedServer, Step, answers, fails

INFO = answers(ranking_pb2.GetInfoResponse(version="1"))
AWAY = fails(grpc.StatusCode.UNAVAILABLE)
RANKED = [ranking_pb2.RankedItem(item_id="5", rank=1, first_stage_rank=2)]
DEGRADED = ranking_pb2.RankingMetadata(
    degraded=[ranking_pb2.Degradation(reason=ranking_pb2.DEGRADED_REASON_DEADLINE, detail="12 of 100 scored")]
)
Call = Callable[[Any], Any]


async def _count(requests: AsyncIterator[catalog_pb2.UpsertItemsRequest], _context: Context) -> list[Any]:
    _messages.append([one async for one in requests])
    return [catalog_pb2.UpsertItemsResponse(inserted=1, updated=2, unchanged=3)]


def _click(item_id: str) -> Interaction:
    return Interaction("u", item_id, "click", time=datetime(2026, 1, 2, tzinfo=UTC))


_messages: list[Any] = []
CALLS: dict[str, tuple[Call, Step]] = {
    "Rerank": (
        lambda client: client.rerank(User("u"), ["1", Candidate("2", {"t": "x"})], options=RankingOptions(top_n=1)),
        answers(ranking_pb2.RerankResponse(items=RANKED)),
    ),
    "Recommend": (lambda client: client.recommend(User("u")), answers(ranking_pb2.RecommendResponse(items=RANKED))),
    "SimilarItems": (lambda client: client.similar_items("7"), answers(ranking_pb2.SimilarItemsResponse(items=RANKED))),
    "RecommendStream": (
        lambda client: client.recommend_stream(User("u")),
        answers(
            ranking_pb2.RecommendStreamResponse(items=RANKED, stage=ranking_pb2.LIST_STAGE_FIRST_STAGE),
            ranking_pb2.RecommendStreamResponse(items=RANKED, stage=ranking_pb2.LIST_STAGE_RERANKED),
        ),
    ),
    "GetInfo": (lambda client: client.get_info(), INFO),
    "UpsertItems": (lambda client: client.upsert_items(Item(str(number)) for number in range(450)), _count),
    "DeleteItems": (
        lambda client: client.delete_items(["1", "2"]),
        answers(catalog_pb2.DeleteItemsResponse(deleted=1, unknown=1)),
    ),
    "GetItems": (
        lambda client: client.get_items(["1", "2"]),
        answers(catalog_pb2.GetItemsResponse(items=[types_pb2.Item(item_id="1")], unknown_item_ids=["2"])),
    ),
    "ListItems": (
        lambda client: client.list_items(filters=iter([Equals("lang", "en")]), page_size=1),
        answers(catalog_pb2.ListItemsResponse(items=[types_pb2.Item(item_id="1")])),
    ),
    "RecordInteractions": (
        lambda client: client.record_interactions(_click(str(number)) for number in range(1001)),
        answers(feedback_pb2.RecordInteractionsResponse(recorded=1, duplicates=2, attributed=3)),
    ),
}


@pytest.fixture
def sync(server: ScriptedServer) -> Iterator[SyncCrossrankClient]:
    with SyncCrossrankClient(server.target) as connected:
        yield connected


async def _in_thread(call: Callable[[], Any]) -> Any:
    """The server lives in this thread's event loop: what waits for it must wait elsewhere."""
    answer = await asyncio.to_thread(call)
    return await asyncio.to_thread(list, answer) if isinstance(answer, Iterator) else answer


def _public(client: type) -> dict[str, list[tuple[str, Any, Any]]]:
    """Name, kind and default of the arguments of all methods."""
    methods = {name: one for name, one in vars(client).items() if not name.startswith("_") or name == "__init__"}
    return {
        name: [(one.name, one.kind, one.default) for one in inspect.signature(method).parameters.values()]
        for name, method in methods.items()
    }


def test_both_clients_have_the_same_methods_with_the_same_arguments() -> None:
    assert _public(SyncCrossrankClient) == _public(CrossrankClient)


def test_every_method_of_the_api_is_called_in_this_file() -> None:
    services = [
        one for file in (ranking_pb2, catalog_pb2, feedback_pb2) for one in file.DESCRIPTOR.services_by_name.values()
    ]
    assert {method.name for service in services for method in service.methods} == set(CALLS)


async def test_an_interaction_without_a_time_has_one_moment_in_all_tries_of_its_call(
    server: ScriptedServer, sync: SyncCrossrankClient
) -> None:
    counts = answers(feedback_pb2.RecordInteractionsResponse(recorded=1))
    script = server.script("RecordInteractions", AWAY, counts)
    await _in_thread(lambda: sync.record_interactions([Interaction("u", "1", "click")]))
    first, second = (one.request.interactions[0] for one in script.received)
    assert first == second
    assert first.HasField("time")


@pytest.mark.parametrize("method", CALLS)
async def test_both_clients_send_the_same_and_read_the_same(
    server: ScriptedServer, client: CrossrankClient, sync: SyncCrossrankClient, method: str
) -> None:
    call, step = CALLS[method]
    script = server.script(method, step)
    _messages.clear()
    answer = call(client)
    expected = [one async for one in answer] if isinstance(answer, AsyncIterator) else await answer
    asked = len(script.received)
    assert await _in_thread(lambda: call(sync)) == expected
    assert len(script.received) == 2 * asked
    for before, after in zip(script.received[:asked], script.received[asked:], strict=True):
        if method != "UpsertItems":
            assert before.request == after.request
        assert before.time_left_s is not None
        assert after.time_left_s == pytest.approx(before.time_left_s, rel=0.5)
        assert set(before.metadata) == set(after.metadata)
    assert _messages[: len(_messages) // 2] == _messages[len(_messages) // 2 :]


async def test_pages_keep_filters_that_can_be_read_once(server: ScriptedServer, sync: SyncCrossrankClient) -> None:
    pages = [
        catalog_pb2.ListItemsResponse(items=[types_pb2.Item(item_id="1")], next_page_token="p2"),
        catalog_pb2.ListItemsResponse(items=[types_pb2.Item(item_id="2")]),
    ]
    script = server.script("ListItems", *(answers(page) for page in pages))
    found = await _in_thread(lambda: CALLS["ListItems"][0](sync))
    assert [item.item_id for item in found] == ["1", "2"]
    assert [(one.request.page_token, len(one.request.filters)) for one in script.received] == [("", 1), ("p2", 1)]


async def test_an_unavailable_service_is_asked_again_until_it_answers(
    server: ScriptedServer, sync: SyncCrossrankClient
) -> None:
    script = server.script("GetInfo", AWAY, AWAY, INFO)
    assert (await _in_thread(sync.get_info)).version == "1"
    assert len(script.received) == 3
    script = server.script("GetInfo", AWAY)
    with pytest.raises(CrossrankUnavailable):
        await _in_thread(sync.get_info)
    assert len(script.received) == 4


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, CrossrankRequestInvalid),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, CrossrankOverloaded),
    ],
)
@pytest.mark.parametrize("method", ["Recommend", "RecommendStream"])
async def test_failed_calls_are_typed_errors(
    server: ScriptedServer, sync: SyncCrossrankClient, code: grpc.StatusCode, error: type, method: str
) -> None:
    server.script(method, fails(code, "what happened"))
    with pytest.raises(CrossrankCallError, match=rf"{code.name}: what happened \[request \w+\]") as raised:
        await _in_thread(lambda: CALLS[method][0](sync))
    assert type(raised.value) is error


async def test_a_value_that_no_message_holds_is_not_sent(sync: SyncCrossrankClient) -> None:
    with pytest.raises(CrossrankRequestInvalid, match=r"not sent: candidates\[0\].first_stage_score: received nan"):
        await _in_thread(lambda: sync.rerank(User("u"), [Candidate("1", first_stage_score=float("nan"))]))


async def test_a_call_ends_at_its_timeout_and_the_service_learns_of_it(
    server: ScriptedServer, sync: SyncCrossrankClient
) -> None:
    script = server.script("GetInfo", _never)
    with pytest.raises(CrossrankDeadlineExceeded):
        await _in_thread(lambda: sync.get_info(timeout_s=0.1))
    await asyncio.wait_for(script.cancelled.wait(), 10)


async def test_a_degraded_answer_is_raised_when_asked(server: ScriptedServer) -> None:
    server.script("Recommend", answers(ranking_pb2.RecommendResponse(items=RANKED, metadata=DEGRADED)))
    with (
        SyncCrossrankClient(server.target, raise_on_degraded=True) as strict,
        pytest.raises(CrossrankDegraded, match="DEADLINE: 12 of 100 scored") as raised,
    ):
        await _in_thread(lambda: strict.recommend(User("u")))
    assert [item.item_id for item in raised.value.result.items] == ["5"]


async def test_leaving_a_stream_early_cancels_it_on_the_service(
    server: ScriptedServer, sync: SyncCrossrankClient
) -> None:
    first = ranking_pb2.RecommendStreamResponse(items=RANKED, stage=ranking_pb2.LIST_STAGE_FIRST_STAGE)

    async def one_then_wait(_request: Any, context: Context) -> list[Any]:
        await context.write(first)
        return await _never(_request, context)

    script = server.script("RecommendStream", one_then_wait)

    def leave() -> ListStage:
        for answer in sync.recommend_stream(User("u"), timeout_s=30):
            return answer.stage
        raise AssertionError("no answer came")

    assert await _in_thread(leave) is ListStage.FIRST_STAGE
    await asyncio.wait_for(script.cancelled.wait(), 10)


async def test_threads_share_one_client(server: ScriptedServer, sync: SyncCrossrankClient) -> None:
    async def echo(request: ranking_pb2.SimilarItemsRequest, _context: Context) -> list[Any]:
        return [ranking_pb2.SimilarItemsResponse(items=[ranking_pb2.RankedItem(item_id=request.item_id)])]

    server.script("SimilarItems", echo)
    names = [str(number) for number in range(200)]
    with ThreadPoolExecutor(16) as pool:
        ask = lambda name: sync.similar_items(name, timeout_s=30).items[0].item_id  # noqa: E731  run_in_executor's form
        loop = asyncio.get_running_loop()
        assert await asyncio.gather(*(loop.run_in_executor(pool, ask, name) for name in names)) == names


async def test_closing_ends_calls_in_flight_and_may_be_repeated(server: ScriptedServer) -> None:
    script = server.script("GetInfo", _never)
    client = SyncCrossrankClient(server.target)
    waiting = asyncio.ensure_future(_in_thread(lambda: client.get_info(timeout_s=60)))
    while not script.received:
        await asyncio.sleep(0)
    client.close()
    client.close()
    with pytest.raises(CrossrankCallError):
        await waiting
    with pytest.raises(ValueError, match="closed"):
        await _in_thread(client.get_info)


async def test_a_client_leaves_no_thread_behind(server: ScriptedServer) -> None:
    server.script("GetInfo", INFO)
    before = set(threading.enumerate())

    def ask() -> None:
        with SyncCrossrankClient(server.target) as client:
            client.get_info(timeout_s=30)

    worker = threading.Thread(target=ask)
    worker.start()
    async with asyncio.timeout(30):
        while set(threading.enumerate()) - before:
            await asyncio.sleep(0)


@pytest.mark.parametrize("kind", [SyncCrossrankClient, CrossrankClient])
async def test_a_client_of_another_process_says_so(
    server: ScriptedServer, kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = kind(server.target)
    parent = os.getpid()
    monkeypatch.setattr(os, "getpid", lambda: parent + 1)
    with pytest.raises(RuntimeError, match=f"made in process {parent}: make one in {parent + 1}, after the fork"):
        await _resolved(client.get_info())
    monkeypatch.undo()
    await _resolved(client.close())


async def _resolved(answer: Any) -> Any:
    return await answer if inspect.isawaitable(answer) else answer


async def _never(_request: object, _context: Context) -> list[Any]:
    await asyncio.Event().wait()
    return []
