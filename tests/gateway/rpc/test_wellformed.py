"""Bytes that are no request are refused like any other bad request, on every method, and the connection lives on."""

import asyncio
import logging
from collections.abc import AsyncIterator

import grpc
import pytest

from crossrank.v1 import ranking_pb2
from tests.gateway.rpc.methods import METHODS, Method
from tests.gateway.rpc.rig import Rig, refusal, until

GARBAGE = [
    pytest.param(b"\x0a\xff", id="truncated length"),
    pytest.param(b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", id="length beyond any message"),
    pytest.param(b"\x0b", id="group without end"),
    pytest.param(b"\x00\x00", id="field number 0"),
    pytest.param(b"\xff" * 100, id="all ones"),
]


@pytest.mark.parametrize("data", GARBAGE)
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.path)
async def test_garbage_is_refused_without_a_trace_of_the_implementation(
    rig: Rig, method: Method, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)  # whatever a test before this one left
    refused = await refusal(method.send(rig.channel, data, timeout_s=30))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert f"received {len(data)} bytes" in refused.violations[""]
    assert "Error" not in refused.message
    assert "google" not in refused.message
    assert [one for one in caplog.records if one.name != "audit"] == []


async def test_invalid_utf8_of_any_text_field_is_refused(rig: Rig) -> None:
    valid = ranking_pb2.RerankRequest(context={"user_id": "MARK"}, candidates=[{"item_id": "a"}]).SerializeToString()
    refused = await refusal(rig.raw("/crossrank.v1.RankingService/Rerank")(valid.replace(b"MARK", b"\xc3\x28\xa0\xa1")))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "UTF-8" in refused.message


async def test_a_garbage_message_in_a_stream_ends_it_after_the_good_ones(rig: Rig) -> None:
    good = b"\x0a\x03\x0a\x01i"  # one item with id "i"
    call = rig.channel.stream_unary("/crossrank.v1.CatalogService/UpsertItems", bytes, bytes)
    refused = await refusal(call(iter([good, b"\x0a\xff"])))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(rig.items.items) == ["i"]


async def test_a_message_above_the_transport_limit_is_refused_and_the_connection_stays_usable(rig: Rig) -> None:
    huge = bytes(rig.limits.max_request_bytes + 1)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await rig.raw("/crossrank.v1.RankingService/Rerank")(huge, timeout=30)
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await rig.ranking.GetInfo(ranking_pb2.GetInfoRequest())


async def test_oversize_metadata_is_refused_and_the_connection_stays_usable(rig: Rig) -> None:
    with pytest.raises(grpc.aio.AioRpcError):
        await rig.ranking.GetInfo(ranking_pb2.GetInfoRequest(), metadata=(("padding", "x" * 100_000),), timeout=30)
    await rig.ranking.GetInfo(ranking_pb2.GetInfoRequest())


async def one_item_and_silence() -> AsyncIterator[bytes]:
    yield b"\x0a\x03\x0a\x01i"
    await asyncio.Event().wait()


async def test_a_client_that_vanishes_mid_stream_leaves_nothing_behind(rig: Rig) -> None:
    async with grpc.aio.insecure_channel(rig.target) as channel:
        upload = channel.stream_unary("/crossrank.v1.CatalogService/UpsertItems", bytes, bytes)
        waiting = asyncio.ensure_future(upload(one_item_and_silence()))
        await until(lambda: "i" in rig.items.items)
    labels = {"grpc_service": "crossrank.v1.CatalogService", "grpc_method": "UpsertItems"}
    await until(lambda: rig.counted("grpc_server_in_flight", **labels) == 0)
    with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
        await waiting
