"""The systems to compare with: sentence-transformers and the bare engine in a worker process, and Infinity's two
engines over HTTP. Must not know the gateway."""

import asyncio
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path

import psutil

from clients.load.bench.systems import infinity
from clients.load.bench.systems.engines import MANY_SESSIONS, ONE_SESSION
from clients.load.bench.systems.environment import InfinityEnvironment
from clients.load.bench.systems.worker import Task
from clients.load.bench.workload.job_texts import Mix
from clients.load.bench.workload.load_loops import closed_loop
from clients.load.bench.workload.meter import Meter
from clients.load.bench.workload.readings import Load, Reading, reading
from clients.load.bench.workload.system import (
    ALONE,
    ALONE_SHARE,
    CALLERS,
    CANDIDATES,
    Findings,
    System,
    SystemAbsent,
    Visit,
)
from deploy.local.errors import LocalStackError
from deploy.local.parts.gateway_process import PROJECT
from deploy.local.parts.ports import free_port
from deploy.local.process import process
from deploy.local.process.part import RunningPart

_WORKER_ALLOWANCE_S = 180.0
_SEARCH = f"{PROJECT}:{PROJECT / 'clients' / 'python'}"


class InProcess(System):
    """An engine in a worker process of its own, one for every visit and variant."""

    def __init__(self, name: str, checkpoint: Path, version_folder: Path) -> None:
        self.name = name
        self._variants = (MANY_SESSIONS, ONE_SESSION) if name == "bare_engine" else ("",)
        self._checkpoint = checkpoint
        self._version_folder = version_folder

    def visit(self, visit: Visit) -> Findings:
        """As System: every variant in turn, a part of the time each."""
        findings = Findings()
        for variant in self._variants:
            found = self._run(visit, variant)
            findings.readings.extend(found.readings)
            findings.scores[:] = found.scores
        return findings

    def _run(self, visit: Visit, variant: str) -> Findings:
        folder = visit.folder / self.name
        folder.mkdir(parents=True, exist_ok=True)
        part = replace(visit, seconds=visit.seconds / len(self._variants))
        asked, answered = folder / "task.pickle", folder / "findings.pickle"
        asked.write_bytes(pickle.dumps(Task(self.name, variant, self._checkpoint, self._version_folder, part)))
        answered.unlink(missing_ok=True)
        command = process.Command(
            arguments=(sys.executable, "-m", "clients.load.bench.systems.worker", str(asked), str(answered)),
            directory=folder,
            mark=f"{self.name}@{folder}",
            search_paths={"PYTHONPATH": _SEARCH},
            environment={"HF_HUB_OFFLINE": "1"},
        )
        limit_s = _WORKER_ALLOWANCE_S + 3 * visit.seconds * len(visit.mixes)
        process.run(command, log_file=folder / "worker.log", timeout_s=limit_s)
        found: Findings = pickle.loads(answered.read_bytes())
        return found


class InfinityServer:
    """One of Infinity's engines: started at its first visit, and suspended between visits, so that it takes nothing
    from the others."""

    def __init__(self, name: str, environment: InfinityEnvironment, checkpoint: Path, state_directory: Path) -> None:
        self.name = name
        self._environment = environment
        self._part = infinity.Infinity(name, environment.program, checkpoint, free_port())
        self._running = RunningPart(self._part, state_directory=state_directory)

    def visit(self, visit: Visit) -> Findings:
        """As System."""
        if self._running.pid is None:
            self._start()
        with self._awake() as pid:
            scores = [infinity.rank(self._part.url, job) for job in visit.proof]
            seconds = visit.seconds
            loads = [(mix, Load(mix.name, "closed", CALLERS, CANDIDATES), seconds) for mix in visit.mixes]
            first = visit.mixes[0]
            loads.append((first, Load(first.name, ALONE, 1, CANDIDATES), ALONE_SHARE * seconds))
            return Findings([asyncio.run(self._load(*one, visit.seed, pid)) for one in loads], scores)

    def close(self) -> None:
        """As System."""
        self._running.stop()

    def _start(self) -> None:
        try:
            self._environment.make()
            self._running.start()
            self._running.wait_until_ready()
        except LocalStackError as fault:
            self._running.stop()
            raise SystemAbsent(f"Infinity does not run here: {fault.message}") from fault

    @contextmanager
    def _awake(self) -> Iterator[int]:
        pid = self._running.pid
        if pid is None or self._running.exit_code() is not None:
            raise SystemAbsent(f"{self.name} ended by itself: {self._running.log.problems()}")
        server = psutil.Process(pid)
        server.resume()
        try:
            yield pid
        finally:
            server.suspend()

    async def _load(self, mix: Mix, load: Load, seconds: float, seed: int, pid: int) -> Reading:
        callers = [infinity.Caller(self._part.url) for _ in range(load.callers)]
        for job in islice(mix.jobs(CANDIDATES, seed + 1), 2):
            await callers[0](job)
        with Meter([pid]) as meter:
            done = await closed_loop(callers, mix.jobs(CANDIDATES, seed), seconds)
        for caller in callers:
            caller.close()
        cost = meter.cost(sum(one.answer.pairs for one in done))
        return reading(self.name, load, done, seconds, cost)
