"""Load generators. Closed loop: each caller sends its next request when its last one is answered. Open loop: requests
are sent on a schedule, whether or not earlier ones are answered. Must not know what a call asks."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from clients.load.bench.workload.job_texts import Job


@dataclass(frozen=True, slots=True)
class Answer:
    """The outcome of one call. ``pairs``: pairs that were scored, of which ``cache_hits`` came from a cache.
    ``degraded``: fewer pairs than asked for. ``model_s``: seconds that the server waited for the model."""

    pairs: int
    cache_hits: int = 0
    degraded: bool = False
    failed: bool = False
    model_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Done:
    """One finished call. Times are seconds since the start of the load; ``due_s``: when the schedule wanted it sent."""

    due_s: float
    sent_s: float
    ended_s: float
    answer: Answer

    @property
    def latency_s(self) -> float:
        """From the scheduled time, not from the time it was sent: otherwise a late load generator would hide waiting
        (coordinated omission)."""
        return self.ended_s - self.due_s

    def pairs_until(self, end_s: float) -> float:
        """Its pairs, times the share of its duration that lies before ``end_s``."""
        return self.answer.pairs * min(1.0, max(0.0, end_s - self.sent_s) / max(self.ended_s - self.sent_s, 1e-9))


Call = Callable[[Job], Awaitable[Answer]]


def poisson_schedule(rate: float, seconds: float, seed: int) -> list[float]:
    """Send times of a Poisson process of ``rate`` requests a second, in seconds below ``seconds``; at least one."""
    draw, moments, now = random.Random(seed), [], 0.0
    while (now := now + draw.expovariate(rate)) < seconds:
        moments.append(now)
    return moments or [0.0]


async def closed_loop(calls: Sequence[Call], jobs: Iterator[Job], seconds: float) -> list[Done]:
    """Each of ``calls`` is a caller. Ends after ``seconds`` or when ``jobs`` is empty; awaits requests in flight."""
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
    """One request at each of ``moments`` (seconds, ascending), sent by ``calls`` in turn (round robin)."""
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
