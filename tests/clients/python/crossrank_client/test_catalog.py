"""Catalogue, feedback and health calls."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from crossrank.v1 import catalog_pb2, feedback_pb2, ranking_pb2, types_pb2
from crossrank_client import (
    CrossrankClient,
    CrossrankNotFound,
    CrossrankRequestInvalid,
    CrossrankUnavailable,
    DeleteCounts,
    Equals,
    FoundItems,
    Health,
    Interaction,
    Item,
    RecordCounts,
    UpsertCounts,
)
from tests.clients.scripted import Context, ScriptedServer, answers, fails

ITEM = Item("1", {"title": "Alien"}, {"year": 1979.0, "seen": False, "lang": "en", "genres": ("horror",)})
MESSAGE = types_pb2.Item(
    item_id="1",
    fields={"title": "Alien"},
    attributes={
        "year": types_pb2.AttributeValue(number=1979.0),
        "seen": types_pb2.AttributeValue(flag=False),
        "lang": types_pb2.AttributeValue(text="en"),
        "genres": types_pb2.AttributeValue(labels=types_pb2.Labels(values=["horror"])),
    },
)


class _Upload:
    """A step that reads a whole upload."""

    def __init__(self) -> None:
        self.batches: list[catalog_pb2.UpsertItemsRequest] = []

    async def __call__(
        self, requests: AsyncIterator[catalog_pb2.UpsertItemsRequest], _context: Context
    ) -> list[catalog_pb2.UpsertItemsResponse]:
        received = [request async for request in requests]
        self.batches += received
        inserted = sum(len(batch.items) for batch in received)
        return [catalog_pb2.UpsertItemsResponse(inserted=inserted, updated=2, unchanged=1)]


async def _asynchronously(items: list[Item]) -> AsyncIterator[Item]:
    for item in items:
        yield item


@pytest.mark.parametrize("source", [list, iter, _asynchronously])
async def test_an_upload_of_any_length_goes_in_batches_and_in_order(
    server: ScriptedServer, client: CrossrankClient, source: Any
) -> None:
    upload = _Upload()
    server.script("UpsertItems", upload)
    items = [Item(str(number)) for number in range(450)]
    assert await client.upsert_items(source(items)) == UpsertCounts(inserted=450, updated=6, unchanged=3)
    assert [len(batch.items) for batch in upload.batches] == [200, 200, 50]
    assert [one.item_id for batch in upload.batches for one in batch.items] == [item.item_id for item in items]


async def test_an_item_arrives_with_all_kinds_of_attributes(server: ScriptedServer, client: CrossrankClient) -> None:
    upload = _Upload()
    server.script("UpsertItems", upload)
    await client.upsert_items([ITEM])
    assert list(upload.batches[0].items) == [MESSAGE]


async def test_an_upload_of_nothing_calls_nothing(server: ScriptedServer, client: CrossrankClient) -> None:
    script = server.script("UpsertItems", _Upload())
    assert await client.upsert_items([]) == UpsertCounts(0, 0, 0)
    assert script.received == []


async def test_an_error_of_the_callers_items_passes_through_after_whole_batches_only(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    upload = _Upload()
    server.script("UpsertItems", upload)

    def broken() -> Iterator[Item]:
        yield from (Item(str(number)) for number in range(300))
        raise ZeroDivisionError("of the caller")

    with pytest.raises(ZeroDivisionError, match="of the caller"):
        await client.upsert_items(broken())
    assert [len(batch.items) for batch in upload.batches] == [200]


@pytest.mark.parametrize("attempt", range(20))
async def test_a_refused_batch_ends_an_upload_with_the_services_reason(
    server: ScriptedServer, client: CrossrankClient, attempt: int
) -> None:
    refusal = fails(grpc.StatusCode.INVALID_ARGUMENT, f"items[{attempt}].item_id is empty")
    script = server.script("UpsertItems", _Upload(), refusal)
    taken = itertools.count()
    with pytest.raises(CrossrankRequestInvalid, match=rf"items\[{attempt}\].item_id is empty"):
        await client.upsert_items(Item(str(number)) for number in taken)
    assert len(script.received) == 2
    assert next(taken) == 400


async def test_found_items_and_unknown_ids_are_told_apart(server: ScriptedServer, client: CrossrankClient) -> None:
    script = server.script("GetItems", answers(catalog_pb2.GetItemsResponse(items=[MESSAGE], unknown_item_ids=["2"])))
    assert await client.get_items(["1", "2"]) == FoundItems((ITEM,), ("2",))
    assert list(script.received[0].request.item_ids) == ["1", "2"]


async def test_a_delete_counts_both_ways(server: ScriptedServer, client: CrossrankClient) -> None:
    script = server.script("DeleteItems", answers(catalog_pb2.DeleteItemsResponse(deleted=1, unknown=2)))
    assert await client.delete_items(["1", "2", "3"]) == DeleteCounts(deleted=1, unknown=2)
    assert list(script.received[0].request.item_ids) == ["1", "2", "3"]


async def test_a_listing_follows_the_pages_to_the_end(server: ScriptedServer, client: CrossrankClient) -> None:
    pages = [
        catalog_pb2.ListItemsResponse(items=[types_pb2.Item(item_id="1")], next_page_token="p2"),
        catalog_pb2.ListItemsResponse(next_page_token="p3"),
        catalog_pb2.ListItemsResponse(items=[types_pb2.Item(item_id="2")]),
    ]
    script = server.script("ListItems", *(answers(page) for page in pages))
    items = [item.item_id async for item in client.list_items(filters=[Equals("lang", "en")], page_size=1)]
    assert items == ["1", "2"]
    assert [one.request.page_token for one in script.received] == ["", "p2", "p3"]
    assert all(one.request.page_size == 1 and len(one.request.filters) == 1 for one in script.received)


async def test_interactions_arrive_whole_and_are_counted(server: ScriptedServer, client: CrossrankClient) -> None:
    counts = feedback_pb2.RecordInteractionsResponse(recorded=1, duplicates=2, attributed=3)
    script = server.script("RecordInteractions", answers(counts))
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    interactions = [
        Interaction("u", "1", "click", weight=0.0, time=moment, attribution_token="t"),
        Interaction("u", "2", "view"),
    ]
    assert await client.record_interactions(interactions) == RecordCounts(recorded=1, duplicates=2, attributed=3)
    first, second = script.received[0].request.interactions
    assert first == feedback_pb2.Interaction(
        user_id="u",
        item_id="1",
        event="click",
        weight=0.0,
        time=Timestamp(seconds=int(moment.timestamp())),
        attribution_token="t",
    )
    assert second == feedback_pb2.Interaction(user_id="u", item_id="2", event="view", time=second.time)
    assert not second.HasField("weight")


async def test_an_interaction_without_a_time_has_one_moment_in_all_tries_of_its_call(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    counts = answers(feedback_pb2.RecordInteractionsResponse(recorded=1))
    script = server.script("RecordInteractions", fails(grpc.StatusCode.UNAVAILABLE), counts)
    before = datetime.now(UTC)
    await client.record_interactions([Interaction("u", "1", "click")])
    first, second = (one.request.interactions[0] for one in script.received)
    assert first == second
    assert before <= first.time.ToDatetime(UTC) <= datetime.now(UTC)


async def test_a_time_without_a_zone_is_refused(client: CrossrankClient) -> None:
    with pytest.raises(CrossrankRequestInvalid, match="2026-01-02T00:00:00 has no time zone"):
        await client.record_interactions([Interaction("u", "1", "click", time=datetime(2026, 1, 2))])


async def test_health_is_heard_while_ranking_calls_keep_away_from_an_unhealthy_service() -> None:
    server = ScriptedServer()
    servicer = HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server.server)
    server.script("GetInfo", answers(ranking_pb2.GetInfoResponse(version="1")))
    async with server, CrossrankClient(server.target) as client:
        await servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
        assert await client.health() is Health.NOT_SERVING
        with pytest.raises(CrossrankUnavailable):
            await client.get_info()
        await servicer.set("", health_pb2.HealthCheckResponse.SERVING)
        assert await client.health() is Health.SERVING
        assert (await _first_answer(client)).version == "1"
        with pytest.raises(CrossrankNotFound):
            await client.health("no.such.Service")


async def _first_answer(client: CrossrankClient) -> Any:
    """The channel learns of the change over its health stream: calls fail until then."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await client.get_info()
            except CrossrankUnavailable:
                await asyncio.sleep(0.01)
