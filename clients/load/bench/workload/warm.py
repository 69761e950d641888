"""Workloads that meet a warm cache: popular users and items that come again, and one list asked again and again. Must
not start anything."""

import math
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from clients.load.bench.workload.gateway_load import NAME, GatewayLoad, calling
from clients.load.bench.workload.job_texts import Job, Mix
from clients.load.bench.workload.load_loops import Call, Done, closed_loop
from clients.load.bench.workload.readings import Load, Reading, reading
from clients.load.bench.workload.system import CALLERS, CANDIDATES

USERS, ITEMS = 100, 1000
"""Of the population; each user has one context and comes as often as the law says, and so do items in lists."""

FILLING_VISITS, MEASURED_VISITS = 1000, 200
"""Ten visits a user, and then those that are timed."""

ALL_HIT_REQUESTS = 50
_ZIPF_SEED = 77


def zipf_jobs(mix: Mix, exponent: float, seed: int) -> Iterator[Job]:
    """Visits: a user drawn with probability proportional to rank ** -exponent, and 100 different items drawn alike."""
    draw = np.random.default_rng(seed)
    jobs = list(islice(mix.jobs(1, _ZIPF_SEED + seed + round(100 * exponent)), USERS))
    items = mix.items[:ITEMS]
    users_p, items_p = _weights(len(jobs), exponent), _weights(len(items), exponent)
    while True:
        user = int(draw.choice(len(jobs), p=users_p))
        shown = draw.choice(len(items), CANDIDATES, replace=False, p=items_p)
        yield Job(jobs[user].context, tuple(items[place] for place in shown))


async def zipf_reading(gateway: GatewayLoad, mix: Mix, exponent: float, seed: int) -> Reading:
    """Throughput of visits after others that filled the cache."""
    jobs = zipf_jobs(mix, exponent, seed)
    await fill(gateway.url, jobs)
    return await visits_reading(gateway.url, Load(mix.name, f"zipf_{exponent:g}", CALLERS, CANDIDATES), jobs)


async def fill(url: str, jobs: Iterator[Job]) -> None:
    """Visits that nobody measures. They are counted as those that are, so that a slow machine hits as often as a fast
    one."""
    async with calling(url, CALLERS) as calls:
        await closed_loop(calls, islice(jobs, FILLING_VISITS), math.inf)


async def visits_reading(url: str, load: Load, jobs: Iterator[Job]) -> Reading:
    """The next visits."""
    async with calling(url, CALLERS) as calls:
        done = await closed_loop(calls, islice(jobs, MEASURED_VISITS), math.inf)
    return reading(NAME, load, done, max(one.ended_s for one in done))


async def all_hit_reading(gateway: GatewayLoad, mix: Mix, seed: int) -> Reading:
    """One caller asks one list again; the first time is not counted. Its ``hit_share`` tells whether all were hits."""
    job = next(mix.jobs(CANDIDATES, _ZIPF_SEED + seed + 1))
    async with calling(gateway.url, 1) as calls:
        await calls[0](job)
        done = await _ask_again(calls[0], job)
    return reading(NAME, Load(mix.name, "all_hit", 1, CANDIDATES), done, done[-1].ended_s)


async def _ask_again(call: Call, job: Job) -> list[Done]:
    start, done = time.perf_counter(), []
    for _ in range(ALL_HIT_REQUESTS):
        sent = time.perf_counter() - start
        answer = await call(job)
        done.append(Done(sent, sent, time.perf_counter() - start, answer))
    return done


def _weights(count: int, exponent: float) -> npt.NDArray[np.float64]:
    weights = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    found: npt.NDArray[np.float64] = weights / weights.sum()
    return found
