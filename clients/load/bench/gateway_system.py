"""The gateway as a system of the benchmark: the load that compares, its grid of callers and candidates, and warm
workloads. Must not know other systems."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clients.load.bench import warm
from clients.load.bench.gateway_load import NAME, GatewayLoad
from clients.load.bench.readings import Load, Reading
from clients.load.bench.served_stack import PATIENT, served_stack
from clients.load.bench.system import ALONE, ALONE_SHARE, CALLERS, CANDIDATES, Findings, Visit
from clients.load.bench.texts import Mix

CALLER_COUNTS, CANDIDATE_COUNTS = (1, 4, 16), (25, 100, 500)
_SEEDS_PER_LOAD = 1000


@dataclass(frozen=True, slots=True)
class Extras:
    """What is measured of the gateway beside the comparison, in the first ``rounds`` rounds, for ``seconds`` each; the
    warm workloads, whose caches take long to fill, in the first round only."""

    cells: Sequence[tuple[int, int]]
    zipf: Sequence[float]
    rounds: int
    seconds: float


class Gateway:
    """PostgreSQL, Triton and gateway, started for every visit: no cache outlives it."""

    name = NAME

    def __init__(self, repository: Path, state_directory: Path, extras: Extras) -> None:
        self._repository = repository
        self._state_directory = state_directory
        self._extras = extras

    def visit(self, visit: Visit) -> Findings:
        """As System."""
        with served_stack(self._state_directory, self._repository, PATIENT) as served:
            return asyncio.run(self._measure(GatewayLoad(served.gateway_url, served.pids), visit))

    def close(self) -> None:
        """Nothing is kept."""

    async def _measure(self, gateway: GatewayLoad, visit: Visit) -> Findings:
        await gateway.warm_up(visit.mixes[0], visit.seed + 1)
        findings = Findings(scores=await gateway.scores(visit.proof))
        for mix in visit.mixes:
            load = Load(mix.name, "closed", CALLERS, CANDIDATES)
            findings.readings.append(await gateway.closed(load, mix.jobs(CANDIDATES, visit.seed), visit.seconds))
        first, seconds = visit.mixes[0], ALONE_SHARE * visit.seconds
        load = Load(first.name, ALONE, 1, CANDIDATES)
        findings.readings.append(await gateway.closed(load, first.jobs(CANDIDATES, visit.seed + 2), seconds))
        if visit.number < self._extras.rounds:
            findings.readings.extend(await self._measure_cells(gateway, visit.mixes[0], visit.seed))
        if visit.number == 0:
            findings.readings.extend(await self._measure_warm(gateway, visit.mixes[0], visit.seed))
        return findings

    async def _measure_cells(self, gateway: GatewayLoad, mix: Mix, seed: int) -> list[Reading]:
        found: list[Reading] = []
        seconds = self._extras.seconds
        for number, (callers, candidates) in enumerate(self._extras.cells):
            load = Load(mix.name, "capacity", callers, candidates)
            found += await gateway.cell(load, mix, seconds, seed + (number + 1) * _SEEDS_PER_LOAD)
        return found

    async def _measure_warm(self, gateway: GatewayLoad, mix: Mix, seed: int) -> list[Reading]:
        found = [await warm.zipf_reading(gateway, mix, exponent, seed) for exponent in self._extras.zipf]
        if self._extras.zipf:
            found.append(await warm.all_hit_reading(gateway, mix, seed))
        return found
