"""Loads on a gateway, made of calls that answer at once: what is counted, what is not, and what is offered."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path

import pytest

from clients.load.bench.systems.worker import Task, measure
from clients.load.bench.workload import warm
from clients.load.bench.workload.gateway_load import GatewayLoad, candidates_of
from clients.load.bench.workload.job_texts import FIELD, Job
from clients.load.bench.workload.load_loops import Answer, Call
from clients.load.bench.workload.readings import Load, Reading
from clients.load.bench.workload.system import Visit
from clients.load.bench.workload.warm import all_hit_reading, zipf_jobs, zipf_reading
from tests.clients.load.bench.made import MIX, made

GATEWAY = GatewayLoad("nowhere", ())


class Cached:
    """Answers at once; every pair that it has seen is a hit."""

    def __init__(self) -> None:
        self.asked: list[Job] = []
        self._known: set[tuple[str, str]] = set()

    async def __call__(self, job: Job) -> Answer:
        await asyncio.sleep(0)
        pairs = {(job.context, item) for item in job.items}
        hits = len(pairs & self._known)
        self.asked.append(job)
        self._known |= pairs
        return Answer(len(pairs), hits)


@pytest.fixture
def cached(monkeypatch: pytest.MonkeyPatch) -> Cached:
    server = Cached()

    @asynccontextmanager
    async def calling(url: str, callers: int) -> AsyncIterator[list[Call]]:
        yield [server] * callers

    monkeypatch.setattr(warm, "calling", calling)
    return server


async def test_a_list_asked_again_is_all_hits_and_the_first_time_is_not_counted(cached: Cached) -> None:
    found = await all_hit_reading(GATEWAY, MIX, seed=1)
    assert len(set(cached.asked)) == 1
    assert len(cached.asked) == len(found.latencies_ms) + 1 == warm.ALL_HIT_REQUESTS + 1
    assert found.hit_share == 1.0
    assert found.load.key == "all_hit_1x100"


async def test_visits_that_fill_the_cache_are_not_counted_and_those_after_hit_it(cached: Cached) -> None:
    found = await zipf_reading(GATEWAY, MIX, 1.2, seed=1)
    assert len(cached.asked) == warm.FILLING_VISITS + warm.MEASURED_VISITS
    assert len(found.latencies_ms) == warm.MEASURED_VISITS
    assert 0.0 < found.hit_share < 1.0
    assert found.load.kind == "zipf_1.2"
    assert cached.asked == list(islice(zipf_jobs(MIX, 1.2, 1), len(cached.asked))), "no visit is left out"


def test_a_steeper_law_repeats_more_and_the_same_seed_the_same() -> None:
    def different(exponent: float) -> int:
        return len({job.context for job in islice(zipf_jobs(MIX, exponent, seed=4), 150)})

    assert different(2.0) < different(1.0) < different(0.0)
    assert list(islice(zipf_jobs(MIX, 1.0, 4), 5)) == list(islice(zipf_jobs(MIX, 1.0, 4), 5))
    assert next(zipf_jobs(MIX, 1.0, 4)) != next(zipf_jobs(MIX, 1.0, 5))


def test_an_item_is_named_by_its_place_and_carries_its_text() -> None:
    found = candidates_of(Job("context", ("one", "two", "one")))
    assert [one.item_id for one in found] == ["0", "1", "2"]
    assert [one.fields for one in found] == [{FIELD: "one"}, {FIELD: "two"}, {FIELD: "one"}]


class Known(GatewayLoad):
    """A gateway whose capacity is known; keeps what it was offered."""

    async def closed(self, load: Load, jobs: Iterator[Job], seconds: float) -> Reading:
        return made("gateway", float(self.url))

    async def opened(self, load: Load, jobs: Iterator[Job], seconds: float, seed: int) -> Reading:
        return Reading("gateway", load, 0.0)


async def test_the_open_loop_of_a_cell_offers_six_tenths_of_the_measured_capacity() -> None:
    cell = Load("mixed", "capacity", 2, 25)
    _, opened = await Known("500", ()).cell(cell, MIX, 1.0, 1)
    assert opened.load == Load("mixed", "open", 2, 25, rate=0.6 * (500 / 25))


async def test_a_gateway_without_capacity_is_offered_nothing_more() -> None:
    assert len(await Known("0", ()).cell(Load("mixed", "capacity", 2, 25), MIX, 1.0, 1)) == 1


class Counting:
    """An engine that scores items by their length."""

    def __init__(self) -> None:
        self.seen: list[Job] = []

    def score(self, job: Job) -> list[float]:
        self.seen.append(job)
        return [float(len(item)) for item in job.items]


def test_a_worker_counts_every_pair_but_those_of_its_warm_up() -> None:
    engine = Counting()
    task = Task("bare_engine", "one", Path("c"), Path("v"), Visit(0, [MIX], seconds=0.02, seed=3, folder=Path("f")))
    found = measure(engine, task, MIX)
    counted = engine.seen[2:]
    assert found.cost is not None
    assert found.cost.pairs == 100 * len(counted) == 100 * len(found.latencies_ms)
    assert counted == list(islice(MIX.jobs(100, 3), len(counted)))
    assert engine.seen[:2] == list(islice(MIX.jobs(100, 4), 2)), "other jobs, so that nothing is known beforehand"
    assert (found.load, found.variant) == (Load("mixed", "closed", 1, 100), "one")
