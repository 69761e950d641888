"""`python -m gateway` with two processes on the real parts: one address, whole gateways behind it, metrics of each."""

import asyncio
import os
import signal
import sys
from urllib.request import urlopen

from redis.asyncio import Redis

from crossrank_client import Candidate, CrossrankClient, Query, RankingOptions
from deploy.local.parts.ports import LOOPBACK, free_port
from deploy.local.parts.triton import PROJECT_REPOSITORY
from gateway.cache.redis import PREFIX
from tests.paths import ROOT


def two_ports_in_a_row() -> int:
    while True:
        first = free_port()
        if free_port(first + 1) == first + 1:
            return first


def metric(port: int, name: str) -> float:
    with urlopen(f"http://{LOOPBACK}:{port}/metrics", timeout=20) as response:
        lines = response.read().decode().splitlines()
    return float(next(line.split()[-1] for line in lines if line.startswith(name)))


async def ranked(url: str) -> int:
    """How many of two items a gateway at the address scored, on a connection of its own."""
    candidates = [Candidate("a", {"title": "Alien"}), Candidate("b", {"title": "Babe"})]
    async with CrossrankClient(url, timeout_s=5.0) as client:
        answer = await client.rerank(
            Query("a space adventure"), candidates, options=RankingOptions(require_rerank=True)
        )
    return answer.metadata.scored_count


async def test_two_processes_are_two_whole_gateways_on_one_address(triton: str, postgres: str, redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        await client.flushdb()
    port, metrics_port = free_port(), two_ports_in_a_row()
    settings = {
        "CROSSRANK_PROCESSES": "2",
        "CROSSRANK_LISTEN": f"{LOOPBACK}:{port}",
        "CROSSRANK_METRICS_LISTEN": f"{LOOPBACK}:{metrics_port}",
        "CROSSRANK_POSTGRES_URL": postgres,
        "CROSSRANK_POSTGRES_CONNECTIONS": "2",
        "CROSSRANK_TRITON_URLS": triton,
        "CROSSRANK_CACHE_REDIS_URL": redis_url,
        "CROSSRANK_CACHE_REDIS_TIMEOUT_S": "1",
        "CROSSRANK_MODEL_REPOSITORY": str(PROJECT_REPOSITORY),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "clients" / "python"), *sys.path]),
    }
    gateway = await asyncio.create_subprocess_exec(sys.executable, "-m", "gateway", env={**os.environ, **settings})
    try:
        async with asyncio.timeout(120):
            for worker in range(2):
                while not _ready(metrics_port + worker):
                    await asyncio.sleep(0.1)
            assert await ranked(f"{LOOPBACK}:{port}") == 2
            async with Redis.from_url(redis_url) as client:
                while len(await client.keys(PREFIX + b"*")) < 2:
                    await asyncio.sleep(0.02)
            lists = [0.0, 0.0]
            while min(lists) == 0:  # the kernel chooses who gets a connection
                assert await ranked(f"{LOOPBACK}:{port}") == 2
                lists = [metric(metrics_port + worker, "crossrank_lists_total") for worker in range(2)]
            name = 'crossrank_cache_lookups_total{outcome="hit",tier="redis"}'
            assert sum(metric(metrics_port + worker, name) for worker in range(2)) == 2, "one learnt from the other"
        gateway.send_signal(signal.SIGTERM)
        async with asyncio.timeout(60):
            assert await gateway.wait() == 0
    finally:
        if gateway.returncode is None:
            gateway.kill()
            await gateway.wait()


def _ready(metrics_port: int) -> bool:
    try:
        return metric(metrics_port, "crossrank_ranking_ready") == 1
    except (OSError, StopIteration):
        return False
