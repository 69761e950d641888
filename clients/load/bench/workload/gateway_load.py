"""Load on a gateway over gRPC with the shipped client: closed and open loops, one client per caller. Must not know how
the gateway was started, nor what is done with the readings."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from clients.load.bench.workload.job_texts import FIELD, Job, Mix
from clients.load.bench.workload.load_loops import Answer, Call, closed_loop, open_loop, poisson_schedule
from clients.load.bench.workload.meter import Meter
from clients.load.bench.workload.readings import Load, Reading, reading
from crossrank_client import Candidate, CrossrankCallError, CrossrankClient, Query, RankedList, RankingOptions
from crossrank_client import Reading as ModelReading

NAME = "gateway"
MODEL_STAGE = "score"
CALL_TIMEOUT_S = 60.0
READ = RankingOptions(reading=ModelReading.ALWAYS)
"""A load on the cross-encoder: without it a version that was judged reads only where that was shown to pay."""
OFFERED_SHARE = 0.6
"""Of the measured capacity: what the open loop offers."""


def candidates_of(job: Job) -> list[Candidate]:
    """Inline texts; the id of an item is its place."""
    return [Candidate(str(place), {FIELD: text}) for place, text in enumerate(job.items)]


def caller(client: CrossrankClient) -> Call:
    """Reranks a job; an error of the service is a failed answer, not the end of the load."""

    async def rerank(job: Job) -> Answer:
        try:
            ranked = await client.rerank(Query(job.context), candidates_of(job), options=READ, timeout_s=CALL_TIMEOUT_S)
        except CrossrankCallError:
            return Answer(0, failed=True)
        return answer_of(ranked)

    return rerank


def answer_of(ranked: RankedList) -> Answer:
    """What a list says of itself."""
    told = ranked.metadata
    model_s = sum(one.seconds for one in told.stages if one.stage == MODEL_STAGE)
    return Answer(told.scored_count, told.cache_hits, ranked.degraded, model_s=model_s)


@asynccontextmanager
async def calling(url: str, callers: int) -> AsyncIterator[list[Call]]:
    """Callers, each with a client and connection of its own."""
    async with AsyncExitStack() as opened:
        clients = [await opened.enter_async_context(CrossrankClient(url)) for _ in range(callers)]
        yield [caller(client) for client in clients]


@dataclass(frozen=True, slots=True)
class GatewayLoad:
    """A running gateway and the processes to be charged."""

    url: str
    pids: tuple[int, ...]

    async def closed(self, load: Load, jobs: Iterator[Job], seconds: float) -> Reading:
        """Every caller waits for its answer."""
        async with calling(self.url, load.callers) as calls:
            with Meter(self.pids) as meter:
                done = await closed_loop(calls, jobs, seconds)
        cost = meter.cost(sum(one.answer.pairs for one in done))
        return reading(NAME, load, done, seconds, cost)

    async def opened(self, load: Load, jobs: Iterator[Job], seconds: float, seed: int) -> Reading:
        """``load.rate`` requests a second at random moments, by the callers in turn. Raises ValueError without rate."""
        if not load.rate:
            raise ValueError(f"an open loop needs a rate above 0, not {load.rate}")
        moments = poisson_schedule(load.rate, seconds, seed)
        async with calling(self.url, load.callers) as calls:
            with Meter(self.pids) as meter:
                done = await open_loop(calls, jobs, moments)
        cost = meter.cost(sum(one.answer.pairs for one in done))
        return reading(NAME, load, done, seconds, cost)

    async def warm_up(self, mix: Mix, seed: int) -> None:
        """A few requests that nobody counts."""
        async with calling(self.url, 1) as calls:
            for job, _ in zip(mix.jobs(50, seed), range(2), strict=False):
                await calls[0](job)

    async def scores(self, jobs: Sequence[Job]) -> list[list[float]]:
        """Logits of each job's items, in their order; NaN for one without."""
        found = []
        async with CrossrankClient(self.url) as client:
            for job in jobs:
                candidates = candidates_of(job)
                ranked = await client.rerank(Query(job.context), candidates, options=READ, timeout_s=CALL_TIMEOUT_S)
                logits = {one.item_id: one.logit for one in ranked.items}
                found.append([_number(logits.get(str(place))) for place in range(len(job.items))])
        return found

    async def cell(self, load: Load, mix: Mix, seconds: float, seed: int) -> list[Reading]:
        """Capacity by a closed loop, then the latency of an open one that offers a share of it."""
        closed = await self.closed(load, mix.jobs(load.candidates, seed), seconds)
        requests_per_s = closed.pairs_per_s / load.candidates
        if requests_per_s <= 0:
            return [closed]
        offered = replace(load, kind="open", rate=OFFERED_SHARE * requests_per_s)
        return [closed, await self.opened(offered, mix.jobs(load.candidates, seed + 1), seconds, seed)]


def _number(logit: float | None) -> float:
    return float("nan") if logit is None else logit
