"""Load as a closed loop (each caller waits for its answer) and as an open one (requests leave when they are due,
however late the answers are). Must not know what a call asks."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from clients.load.bench.workload.job_texts import Job


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one call: pairs with a score, how many of these from a cache, whether it was less than asked, and
    how long the server waited for the model."""

    pairs: int
    cache_hits: int = 0
    degraded: bool = False
    failed: bool = False
    model_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """One call, in seconds since the start of the load. ``due_s``: when it was to leave."""

    due_s: float
    sent_s: float
    ended_s: float
    answer: Answer

    @property
    def latency_s(self) -> float:
        """From the moment it was due: a driver or a server that falls behind does not hide its queue."""
        return self.ended_s - self.due_s

    def pairs_until(self, end_s: float) -> float:
        """Its pairs, in proportion to the part of its time before ``end_s``."""
        return self.answer.pairs * min(1.0, max(0.0, end_s - self.sent_s) / max(self.ended_s - self.sent_s, 1e-9))


Call = Callable[[Job], Awaitable[Answer]]


def poisson_schedule(rate: float, seconds: float, seed: int) -> list[float]:
    """Moments of a Poisson process: ``rate`` a second for ``seconds``; at least one."""
    draw, moments, now = random.Random(seed), [], 0.0
    while (now := now + draw.expovariate(rate)) < seconds:
        moments.append(now)
    return moments or [0.0]


def constant_schedule(rate: float, seconds: float) -> list[float]:
    """Moments at equal distances; at least one."""
    return [number / rate for number in range(max(1, int(rate * seconds)))]


async def closed_loop(calls: Sequence[Call], jobs: Iterator[Job], seconds: float) -> list[Done]:
    """Every call in a loop of its own until ``seconds`` have passed or no job is left; what is under way then is waited
    for."""
    start = time.perf_counter()

    async def repeat(call: Call) -> list[Done]:
        done = []
        while (sent := time.perf_counter() - start) < seconds:
            job = next(jobs, None)
            if job is None:
                break
            answer = await call(job)
            done.append(Done(sent, sent, time.perf_counter() - start, answer))
        return done

    return [one for part in await asyncio.gather(*(repeat(call) for call in calls)) for one in part]


async def open_loop(calls: Sequence[Call], jobs: Iterator[Job], moments: Sequence[float]) -> list[Done]:
    """A request at each of the moments (ascending), by the calls in turn; nothing waits for an earlier answer."""
    start = time.perf_counter()

    async def send(call: Call, job: Job, due: float) -> Done:
        sent = time.perf_counter() - start
        answer = await call(job)
        return Done(due, sent, time.perf_counter() - start, answer)

    sending = []
    for number, due in enumerate(moments):
        job = next(jobs)
        await asyncio.sleep(max(0.0, due - (time.perf_counter() - start)))
        sending.append(asyncio.create_task(send(calls[number % len(calls)], job, due)))
    return list(await asyncio.gather(*sending))
