"""Closed and open loops: who waits for whom, and what a late answer costs."""

import asyncio
import math
from itertools import islice, pairwise

import pytest

from clients.load.bench.workload.job_texts import Job
from clients.load.bench.workload.load_loops import (
    Answer,
    Done,
    closed_loop,
    open_loop,
    poisson_schedule,
)
from tests.clients.load.bench.made import MIX


class Server:
    """Answers when it is let go; knows how many wait."""

    def __init__(self) -> None:
        self.waiting = 0
        self.most = 0
        self.seen: list[Job] = []
        self.let_go = asyncio.Event()

    async def __call__(self, job: Job) -> Answer:
        self.seen.append(job)
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.let_go.wait()
        self.waiting -= 1
        return Answer(len(job.items))


async def until(condition: object) -> None:
    assert callable(condition)
    while not condition():
        await asyncio.sleep(0)


async def test_an_open_loop_sends_what_is_due_though_nothing_was_answered() -> None:
    server = Server()
    load = asyncio.create_task(open_loop([server], MIX.jobs(5, 1), [0.0] * 8))
    await until(lambda: server.waiting == 8)
    assert server.most == 8
    server.let_go.set()
    assert [one.answer.pairs for one in await load] == [5] * 8


async def test_a_closed_loop_has_one_request_per_caller_under_way() -> None:
    server = Server()
    load = asyncio.create_task(closed_loop([server, server, server], islice(MIX.jobs(5, 1), 9), math.inf))
    await until(lambda: server.waiting == 3)
    for _ in range(20):
        await asyncio.sleep(0)
    assert server.most == 3
    server.let_go.set()
    assert len(await load) == 9


async def test_the_callers_take_turns_in_an_open_loop() -> None:
    servers = [Server(), Server()]
    for server in servers:
        server.let_go.set()
    await open_loop(servers, MIX.jobs(5, 1), [0.0] * 7)
    assert [len(server.seen) for server in servers] == [4, 3]


async def test_no_job_is_asked_twice() -> None:
    server = Server()
    server.let_go.set()
    await closed_loop([server] * 4, islice(MIX.jobs(5, 1), 40), math.inf)
    contexts = [job.context for job in server.seen]
    assert len(contexts) == len(set(contexts)) == 40


async def test_a_driver_that_is_late_is_charged_with_its_lateness() -> None:
    """The first call keeps the loop busy, so that the second cannot leave when it is due."""
    loop_blocked_s = 0.05

    async def block(job: Job) -> Answer:
        end = asyncio.get_running_loop().time() + loop_blocked_s
        while asyncio.get_running_loop().time() < end:
            pass
        return Answer(1)

    first, second = await open_loop([block], MIX.jobs(1, 1), [0.0, 0.001])
    assert second.sent_s >= loop_blocked_s
    assert second.latency_s >= second.ended_s - second.sent_s + (second.sent_s - second.due_s)
    assert second.latency_s > first.ended_s - first.sent_s


def test_latency_counts_from_the_moment_a_request_was_due() -> None:
    assert Done(due_s=1.0, sent_s=4.0, ended_s=4.5, answer=Answer(1)).latency_s == 3.5


@pytest.mark.parametrize(("end_s", "pairs"), [(1.0, 0.0), (2.0, 0.0), (3.0, 50.0), (4.0, 100.0), (9.0, 100.0)])
def test_a_request_at_the_end_counts_by_its_part_before_it(end_s: float, pairs: float) -> None:
    assert Done(2.0, 2.0, 4.0, Answer(100)).pairs_until(end_s) == pytest.approx(pairs)


def test_a_closed_loop_of_no_time_asks_nothing() -> None:
    assert asyncio.run(closed_loop([Server()], MIX.jobs(5, 1), 0.0)) == []


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_poisson_schedule_is_ascending_of_its_rate_and_the_same_for_its_seed(seed: int) -> None:
    moments = poisson_schedule(50.0, 40.0, seed)
    assert moments == sorted(moments) == poisson_schedule(50.0, 40.0, seed)
    assert moments[0] > 0
    assert moments[-1] < 40.0
    assert 1700 < len(moments) < 2300, f"seed {seed}: 2,000 are expected, the standard deviation is 45"
    gaps = [later - earlier for earlier, later in pairwise(moments)]
    mean = sum(gaps) / len(gaps)
    variance = sum((gap - mean) ** 2 for gap in gaps) / len(gaps)
    assert 0.8 < variance / mean**2 < 1.25, f"seed {seed}: exponential gaps have the variance of their mean squared"


def test_another_seed_gives_other_moments() -> None:
    assert poisson_schedule(5.0, 10.0, 1) != poisson_schedule(5.0, 10.0, 2)


def test_the_slowest_rate_still_sends_one() -> None:
    assert len(poisson_schedule(0.001, 0.1, 1)) == 1
