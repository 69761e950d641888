"""The gateway as a system of the benchmark: the load that compares, its grid of callers and candidates, and warm
workloads. Must not know other systems."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from clients.load.bench.systems.served_stack import PATIENT, served_stack
from clients.load.bench.workload import warm
from clients.load.bench.workload.gateway_load import NAME, GatewayLoad
from clients.load.bench.workload.job_texts import Mix
from clients.load.bench.workload.readings import Load, Reading
from clients.load.bench.workload.system import ALONE, ALONE_SHARE, CALLERS, CANDIDATES, Findings, System, Visit
from clients.load.sample.gateway_counts import read_counts
from deploy.local.parts.ports import free_port
from deploy.local.parts.redis_server import RedisServer, redis_binary
from deploy.local.process.part import RunningPart

CALLER_COUNTS, CANDIDATE_COUNTS = (1, 4, 16), (25, 100, 500)
_SEEDS_PER_LOAD = 1000


@dataclass(frozen=True, slots=True)
class Extras:
    """What is measured of the gateway beside the comparison, in the first ``rounds`` rounds, for ``seconds`` each.
    ``zipf``: in how many rounds the warm workload of each exponent, whose cache takes long to fill. ``shared_zipf``:
    exponent of the one that meets scores in Redis, in the first round; None: not measured."""

    cells: Sequence[tuple[int, int]]
    zipf: Mapping[float, int]
    shared_zipf: float | None
    rounds: int
    seconds: float


class Gateway(System):
    """PostgreSQL, Triton and gateway, started for every visit: no cache outlives it. Raises PackageNotFoundError where
    a Redis is wanted and none is installed."""

    name = NAME

    def __init__(self, repository: Path, state_directory: Path, extras: Extras) -> None:
        self._repository = repository
        self._state_directory = state_directory
        self._extras = extras
        if extras.shared_zipf is not None:
            redis_binary()

    def visit(self, visit: Visit) -> Findings:
        """As System."""
        with served_stack(self._state_directory, self._repository, PATIENT) as served:
            load = GatewayLoad(served.gateway_url, served.pids)
            asyncio.run(load.warm_up(visit.mixes[0], visit.seed + 1))
            earlier = read_counts(served.metrics_address)
            findings = asyncio.run(self._measure(load, visit))
            findings = replace(findings, timers=read_counts(served.metrics_address).timers_since(earlier))
        if visit.number == 0 and self._extras.shared_zipf is not None:
            findings.readings.append(self._measure_shared(visit, self._extras.shared_zipf))
        return findings

    async def _measure(self, gateway: GatewayLoad, visit: Visit) -> Findings:
        findings = Findings(scores=await gateway.scores(visit.proof))
        for mix in visit.mixes:
            load = Load(mix.name, "closed", CALLERS, CANDIDATES)
            findings.readings.append(await gateway.closed(load, mix.jobs(CANDIDATES, visit.seed), visit.seconds))
        first, seconds = visit.mixes[0], ALONE_SHARE * visit.seconds
        load = Load(first.name, ALONE, 1, CANDIDATES)
        findings.readings.append(await gateway.closed(load, first.jobs(CANDIDATES, visit.seed + 2), seconds))
        if visit.number < self._extras.rounds:
            findings.readings.extend(await self._measure_cells(gateway, visit.mixes[0], visit.seed))
        findings.readings.extend(await self.measure_warm(gateway, first, visit.number, visit.seed))
        return findings

    async def _measure_cells(self, gateway: GatewayLoad, mix: Mix, seed: int) -> list[Reading]:
        found: list[Reading] = []
        seconds = self._extras.seconds
        for number, (callers, candidates) in enumerate(self._extras.cells):
            load = Load(mix.name, "capacity", callers, candidates)
            found += await gateway.cell(load, mix, seconds, seed + (number + 1) * _SEEDS_PER_LOAD)
        return found

    async def measure_warm(self, gateway: GatewayLoad, mix: Mix, number: int, seed: int) -> list[Reading]:
        """The warm workloads that are due in the round of this number, and after them a list of hits."""
        due = [exponent for exponent, rounds in self._extras.zipf.items() if number < rounds]
        found = [await warm.zipf_reading(gateway, mix, exponent, seed) for exponent in due]
        return [*found, await warm.all_hit_reading(gateway, mix, seed)] if due else []

    def _measure_shared(self, visit: Visit, exponent: float) -> Reading:
        """A gateway fills Redis and ends; the next one starts with nothing else."""
        folder, mix = self._state_directory, visit.mixes[0]
        with RunningPart(RedisServer(folder, free_port()), state_directory=folder) as running:
            settings = {**PATIENT, "CROSSRANK_CACHE_REDIS_URL": running.part.url}
            with served_stack(folder, self._repository, settings) as filled:
                asyncio.run(warm.fill(filled.gateway_url, warm.zipf_jobs(mix, exponent, visit.seed)))
            with served_stack(folder, self._repository, settings) as served:
                load = Load(mix.name, f"zipf_{exponent:g}_from_redis", CALLERS, CANDIDATES)
                jobs = islice(warm.zipf_jobs(mix, exponent, visit.seed), warm.FILLING_VISITS, None)
                return asyncio.run(warm.visits_reading(served.gateway_url, load, jobs))
