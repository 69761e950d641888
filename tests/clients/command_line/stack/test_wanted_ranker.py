"""A ranker that settings name and that is not there is told; everything else is no news."""

import asyncio

import grpc
import pytest

from clients.command_line.stack.wanted_ranker import missing_ranker
from crossrank.v1 import ranking_pb2
from tests.clients.scripted import ScriptedServer, Step, answers, fails

REASON = "CROSSRANK_RANKER is abc, and no such ranker was found on this catalogue"


def info(version: str) -> Step:
    ranker = ranking_pb2.RankerInfo(version=version, serves="first_stage", reason=REASON)
    return answers(ranking_pb2.GetInfoResponse(ranker=ranker))


async def told(server: ScriptedServer, wanted: str) -> str:
    return await asyncio.to_thread(missing_ranker, server.target, wanted)


async def test_a_ranker_that_is_not_there_is_told_with_what_orders_lists_instead(server: ScriptedServer) -> None:
    server.script("GetInfo", info("the first stage's"))
    assert await told(server, "abc") == f"lists have first-stage order: {REASON}"


async def test_a_ranker_that_serves_is_no_news(server: ScriptedServer) -> None:
    server.script("GetInfo", info("abc"))
    assert await told(server, "abc") == ""


@pytest.mark.parametrize("wanted", ["auto", "first_stage"])
async def test_nobody_is_asked_where_no_version_is_named(server: ScriptedServer, wanted: str) -> None:
    script = server.script("GetInfo", info("abc"))
    assert await told(server, wanted) == ""
    assert script.received == []


async def test_a_gateway_that_does_not_say_ends_nothing(server: ScriptedServer) -> None:
    server.script("GetInfo", fails(grpc.StatusCode.UNAVAILABLE))
    assert await told(server, "abc") == ""
