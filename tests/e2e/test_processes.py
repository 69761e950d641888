"""Several gateways of a local stack on the real parts: one address, whole gateways behind it; one may die at any time
while the others answer, all stop together, and none is left behind."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from redis.asyncio import Redis

from crossrank_client import Candidate, CrossrankClient, Query, RankingOptions, Reading
from deploy.local.doctor.stack_checks import check_stack
from deploy.local.parts.ports import LOOPBACK
from deploy.local.plan import Plan
from deploy.local.process.orphans import find, is_alive
from deploy.local.process.state import Status
from deploy.local.stack import LocalStack, down, read_plan
from gateway.cache.redis import PREFIX
from tests.deploy.local.waiting import wait_until

NAMES = ("gateway", "gateway-2")


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_gateway: Plan, redis_url: str) -> Iterator[LocalStack]:
    """Two gateways on a Triton and a PostgreSQL that others use too, with a Redis of both."""
    monkeypatch.setenv("CROSSRANK_PROCESSES", "2")
    monkeypatch.setenv("CROSSRANK_POSTGRES_CONNECTIONS", "2")
    monkeypatch.setenv("CROSSRANK_CACHE_REDIS_URL", redis_url)
    monkeypatch.setenv("CROSSRANK_CACHE_REDIS_TIMEOUT_S", "1")
    with LocalStack(tmp_path, own_gateway) as running:
        yield running


def metric(stack: LocalStack, name: str, metric: str) -> float:
    port = read_plan(stack.state_directory).ports[f"{name}_metrics"]
    with urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=20) as response:
        lines = response.read().decode().splitlines()
    return float(next(line.split()[-1] for line in lines if line.startswith(metric)))


async def ranked(client: CrossrankClient) -> int:
    """How many of two items were scored."""
    candidates = [Candidate("a", {"title": "Alien"}), Candidate("b", {"title": "Babe"})]
    options = RankingOptions(require_rerank=True, reading=Reading.ALWAYS)
    answer = await client.rerank(Query("a space adventure"), candidates, options=options)
    return answer.metadata.scored_count


async def connect(stack: LocalStack, opened: AsyncExitStack, name: str) -> CrossrankClient:
    """A client whose connection one of the gateways got: the kernel chooses."""
    while True:
        client = await opened.enter_async_context(CrossrankClient(stack.status().part("gateway").url, timeout_s=20.0))
        before = metric(stack, name, "crossrank_lists_total")
        assert await ranked(client) == 2
        if metric(stack, name, "crossrank_lists_total") > before:
            return client


def processes(stack: LocalStack) -> list[psutil.Process]:
    """Of both gateways."""
    return [psutil.Process(stack.status().part(name).pid) for name in NAMES]


async def test_two_processes_are_two_whole_gateways_on_one_address(stack: LocalStack, redis_url: str) -> None:
    first, second = (stack.status().part(name) for name in NAMES)
    assert first.url == second.url == stack.status().part("gateway").url
    assert first.log != second.log
    async with Redis.from_url(redis_url) as redis, AsyncExitStack() as opened, asyncio.timeout(120):
        await redis.flushdb()
        client = await opened.enter_async_context(CrossrankClient(stack.status().part("gateway").url, timeout_s=20.0))
        assert await ranked(client) == 2
        while len(await redis.keys(PREFIX + b"*")) < 2:
            await asyncio.sleep(0.02)
        for name in NAMES:
            await connect(stack, opened, name)
    hits = 'crossrank_cache_lookups_total{outcome="hit",tier="redis"}'
    assert sum(metric(stack, name, hits) for name in NAMES) == 2, "one learnt from the other"
    found = {finding.name: finding.ok for finding in check_stack(stack.state_directory)}
    assert found == dict.fromkeys(("stack", "model files", "postgres", "triton", *NAMES), True)


async def test_calls_go_on_when_a_gateway_is_killed_and_it_comes_back(stack: LocalStack) -> None:
    def replaced() -> bool:
        part = stack.status().part("gateway-2")
        return part.restarts == 1 and part.status is Status.READY

    before, victim = stack.status().part("gateway"), processes(stack)[1]
    async with AsyncExitStack() as opened, asyncio.timeout(120):
        survivors = await connect(stack, opened, "gateway")
        victims = await connect(stack, opened, "gateway-2")
        victim.kill()
        waiting = asyncio.create_task(asyncio.to_thread(wait_until, replaced, "the killed gateway is replaced", 60))
        while not waiting.done():
            assert await ranked(survivors) == 2
        await waiting
        assert await ranked(victims) == 2
        await connect(stack, opened, "gateway-2")
    assert stack.status().part("gateway") == before
    assert not is_alive(victim)


def test_all_gateways_stop_together_and_none_is_left_behind(stack: LocalStack) -> None:
    gateways = processes(stack)
    assert down(stack.state_directory).orphans == 0, "every process ended in order"
    assert not any(map(is_alive, gateways))
    assert [part.status for part in stack.status().parts] == [Status.STOPPED] * 4


def test_no_gateway_outlives_a_killed_supervisor(stack: LocalStack) -> None:
    gateways, supervisor = processes(stack), stack.status().supervisor_pid
    assert supervisor is not None
    os.kill(supervisor, signal.SIGKILL)
    wait_until(lambda: not any(map(is_alive, gateways)), "the gateways followed their supervisor", 60)
    assert [found for name in NAMES for found in find(name, stack.state_directory)] == []
