"""Measures one in-process engine in a process of its own, so that its memory is nobody else's:
`python -m clients.load.bench.systems.worker TASK RESULT`. Must not know other systems."""

import os
import pickle
import sys
import time
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from clients.load.bench.systems.engines import BareEngine, Engine, SentenceTransformersEngine
from clients.load.bench.workload.job_texts import Mix
from clients.load.bench.workload.load_loops import Answer, Done
from clients.load.bench.workload.meter import Meter
from clients.load.bench.workload.readings import Load, Reading, reading
from clients.load.bench.workload.system import CANDIDATES, Findings, Visit

_WARM_UP_JOBS = 2


@dataclass(frozen=True, slots=True)
class Task:
    """A visit to one engine, which has one caller."""

    engine: str
    variant: str
    checkpoint: Path
    version_folder: Path
    visit: Visit


def main() -> None:
    """Reads the task, writes the findings."""
    task: Task = pickle.loads(Path(sys.argv[1]).read_bytes())
    bare = task.engine == "bare_engine"
    engine = BareEngine(task.version_folder, task.variant) if bare else SentenceTransformersEngine(task.checkpoint)
    scores = [engine.score(job) for job in task.visit.proof]
    readings = [measure(engine, task, mix) for mix in task.visit.mixes]
    Path(sys.argv[2]).write_bytes(pickle.dumps(Findings(readings, scores)))


def measure(engine: Engine, task: Task, mix: Mix) -> Reading:
    """One request after the other for the visit's seconds."""
    visit = task.visit
    for job in islice(mix.jobs(CANDIDATES, visit.seed + 1), _WARM_UP_JOBS):
        engine.score(job)
    jobs, done = mix.jobs(CANDIDATES, visit.seed), []
    with Meter([os.getpid()]) as meter:
        start = time.perf_counter()
        while (sent := time.perf_counter() - start) < visit.seconds:
            answer = Answer(len(engine.score(next(jobs))))
            done.append(Done(sent, sent, time.perf_counter() - start, answer))
    cost = meter.cost(sum(one.answer.pairs for one in done))
    found = reading(task.engine, Load(mix.name, "closed", 1, CANDIDATES), done, visit.seconds, cost)
    return replace(found, variant=task.variant)


if __name__ == "__main__":
    main()
