"""Warm-cache workloads: users and items that repeat by a Zipf law, and one list that is requested over and over. Must
not start anything."""

import math
from collections.abc import Iterator
from itertools import islice, repeat

import numpy as np
import numpy.typing as npt

from clients.load.bench.workload.gateway_load import NAME, GatewayLoad, calling
from clients.load.bench.workload.job_texts import Job, Mix
from clients.load.bench.workload.load_loops import closed_loop
from clients.load.bench.workload.readings import Load, Reading, reading
from clients.load.bench.workload.system import CALLERS, CANDIDATES

USERS, ITEMS = 100, 1000
"""Size of the population. Each user has one context; users and the items of lists repeat by the Zipf law."""

FILLING_VISITS, MEASURED_VISITS = 1000, 200
"""Requests that warm the cache (ten per user on average), and those that are measured after them."""

ALL_HIT_REQUESTS = 50
_ZIPF_SEED = 77


def zipf_jobs(mix: Mix, exponent: float, seed: int) -> Iterator[Job]:
    """Endless requests: a user drawn with probability proportional to rank ** -exponent, and 100 distinct items drawn
    by the same law."""
    draw = np.random.default_rng(seed)
    jobs = list(islice(mix.jobs(1, _ZIPF_SEED + seed + round(100 * exponent)), USERS))
    items = mix.items[:ITEMS]
    users_p, items_p = _weights(len(jobs), exponent), _weights(len(items), exponent)
    while True:
        user = int(draw.choice(len(jobs), p=users_p))
        shown = draw.choice(len(items), CANDIDATES, replace=False, p=items_p)
        yield Job(jobs[user].context, tuple(items[place] for place in shown))


async def zipf_reading(gateway: GatewayLoad, mix: Mix, exponent: float, seed: int) -> Reading:
    """Throughput with a warm cache: fills it, then measures."""
    jobs = zipf_jobs(mix, exponent, seed)
    await fill(gateway.url, jobs)
    return await visits_reading(gateway.url, Load(mix.name, f"zipf_{exponent:g}", CALLERS, CANDIDATES), jobs)


async def fill(url: str, jobs: Iterator[Job]) -> None:
    """Warms the cache with a fixed number of requests, not for a fixed time: so the hit rate does not depend on the
    speed of the machine."""
    async with calling(url, CALLERS) as calls:
        await closed_loop(calls, islice(jobs, FILLING_VISITS), math.inf)


async def visits_reading(url: str, load: Load, jobs: Iterator[Job]) -> Reading:
    """Measures the next requests of ``jobs`` in a closed loop."""
    async with calling(url, CALLERS) as calls:
        done = await closed_loop(calls, islice(jobs, MEASURED_VISITS), math.inf)
    return reading(NAME, load, done, max(one.ended_s for one in done))


async def all_hit_reading(gateway: GatewayLoad, mix: Mix, seed: int) -> Reading:
    """One caller repeats one list; the first request, which fills the cache, is not counted. All were hits if
    ``hit_share`` is 1."""
    job = next(mix.jobs(CANDIDATES, _ZIPF_SEED + seed + 1))
    async with calling(gateway.url, 1) as calls:
        await calls[0](job)
        done = await closed_loop(calls, repeat(job, ALL_HIT_REQUESTS), math.inf)
    return reading(NAME, Load(mix.name, "all_hit", 1, CANDIDATES), done, done[-1].ended_s)


def _weights(count: int, exponent: float) -> npt.NDArray[np.float64]:
    weights = np.arange(1, count + 1, dtype=np.float64) ** -exponent
    found: npt.NDArray[np.float64] = weights / weights.sum()
    return found
