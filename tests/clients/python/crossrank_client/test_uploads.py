"""Uploads are cut by number and by bytes, whole items in order, and what fits no message is named."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.message import Message

from crossrank.v1 import catalog_pb2, feedback_pb2
from crossrank_client import (
    CrossrankClient,
    CrossrankRequestInvalid,
    Interaction,
    Item,
    RecordCounts,
    UpsertCounts,
    to_wire,
)
from gateway.domain.limits import Limits
from tests.clients.scripted import Context, ScriptedServer

LIMIT = 64 * 1024


class _Taken:
    """A step of either upload that remembers the messages."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def __call__(self, request: Any, _context: Context) -> list[Message]:
        if isinstance(request, AsyncIterator):
            (message,) = [one async for one in request]
            answer: Message = catalog_pb2.UpsertItemsResponse(inserted=len(message.items))
        else:
            message = request
            answer = feedback_pb2.RecordInteractionsResponse(recorded=len(message.interactions), attributed=1)
        self.messages.append(message)
        return [answer]


@pytest.fixture
async def small(server: ScriptedServer) -> AsyncIterator[CrossrankClient]:
    """A client that knows of a service with a lower limit."""
    async with CrossrankClient(server.target, max_request_bytes=LIMIT) as connected:
        yield connected


@pytest.mark.parametrize("letters", [200, 1000, LIMIT // 3, LIMIT // 2, LIMIT - 100])
async def test_no_message_of_an_upload_is_larger_than_the_service_takes(
    server: ScriptedServer, small: CrossrankClient, letters: int
) -> None:
    taken = _Taken()
    server.script("UpsertItems", taken)
    items = [Item(str(number), {"title": "x" * letters}) for number in range(250)]
    assert await small.upsert_items(items) == UpsertCounts(250, 0, 0)
    assert max(message.ByteSize() for message in taken.messages) <= LIMIT
    assert max(len(message.items) for message in taken.messages) <= 200
    assert [one.item_id for message in taken.messages for one in message.items] == [item.item_id for item in items]


async def test_messages_are_filled_but_for_some_headroom(server: ScriptedServer, small: CrossrankClient) -> None:
    taken = _Taken()
    server.script("UpsertItems", taken)
    await small.upsert_items(Item(str(number), {"title": "x" * 1000}) for number in range(200))
    *full, _last = (message.ByteSize() for message in taken.messages)
    assert all(LIMIT * 0.95 < size < LIMIT * 0.99 for size in full)


async def test_interactions_of_any_number_go_in_batches_and_are_counted_together(
    server: ScriptedServer, client: CrossrankClient
) -> None:
    taken = _Taken()
    server.script("RecordInteractions", taken)
    interactions = (Interaction("u", str(number), "click") for number in range(2500))
    assert await client.record_interactions(interactions) == RecordCounts(recorded=2500, duplicates=0, attributed=3)
    assert [len(message.interactions) for message in taken.messages] == [1000, 1000, 500]


async def test_interactions_are_cut_by_bytes_too(server: ScriptedServer, small: CrossrankClient) -> None:
    taken = _Taken()
    server.script("RecordInteractions", taken)
    interactions = [Interaction("u" * 256, str(number), "click") for number in range(600)]
    assert (await small.record_interactions(interactions)).recorded == 600
    assert len(taken.messages) > 2
    assert max(message.ByteSize() for message in taken.messages) <= LIMIT


async def test_no_interactions_call_nothing(server: ScriptedServer, client: CrossrankClient) -> None:
    script = server.script("RecordInteractions", _Taken())
    assert await client.record_interactions([]) == RecordCounts(0, 0, 0)
    assert script.received == []


async def test_an_item_larger_than_a_message_is_named_with_its_size(
    server: ScriptedServer, small: CrossrankClient
) -> None:
    taken = _Taken()
    server.script("UpsertItems", taken)
    items = [*(Item(str(number)) for number in range(230)), Item("giant", {"title": "x" * LIMIT})]
    with pytest.raises(CrossrankRequestInvalid) as raised:
        await small.upsert_items(items)
    (violation,) = raised.value.violations
    assert violation.field == "items[230]"
    size = to_wire.item_message("", items[-1]).ByteSize()
    expected = f"item 'giant' takes {size} bytes; at most {LIMIT - 6} in one request: shorten its texts"
    assert violation.description == expected
    assert [len(message.items) for message in taken.messages] == [200], "whole batches before it are written"


async def test_an_interaction_larger_than_a_message_is_named(small: CrossrankClient) -> None:
    with pytest.raises(
        CrossrankRequestInvalid, match=rf"interactions\[0\]: item '7' takes \d+ bytes; at most {LIMIT - 6}"
    ):
        await small.record_interactions([Interaction("u" * LIMIT, "7", "click")])


async def test_an_item_that_only_just_fits_is_sent_alone(server: ScriptedServer, small: CrossrankClient) -> None:
    taken = _Taken()
    server.script("UpsertItems", taken)
    for letters in range(LIMIT - 40, LIMIT):
        taken.messages.clear()
        item = Item("2", {"title": "x" * letters})
        try:
            await small.upsert_items([Item("1"), item, Item("3")])
        except CrossrankRequestInvalid:
            break
        assert [[one.item_id for one in message.items] for message in taken.messages] == [["1"], ["2"], ["3"]]
        assert max(message.ByteSize() for message in taken.messages) <= LIMIT
    else:
        pytest.fail("nothing was refused")
    assert letters > LIMIT - 40, "nothing fitted"


async def test_the_default_is_that_of_the_service() -> None:
    taken, limit = _Taken(), Limits().max_request_bytes
    async with (
        ScriptedServer([("grpc.max_receive_message_length", limit)]) as server,
        CrossrankClient(server.target) as client,
    ):
        server.script("UpsertItems", taken)
        await client.upsert_items(Item(str(number), {"title": "x" * 100_000}) for number in range(100))
    assert len(taken.messages) == 2
    assert limit * 0.95 < taken.messages[0].ByteSize() <= limit
