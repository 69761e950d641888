"""Measures one in-process engine in a process of its own, so that its memory is nobody else's:
`python -m clients.load.bench.systems.worker TASK RESULT`. Must not know other systems."""

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from clients.load.bench.systems.engines import Engine, open_engine
from clients.load.bench.workload.job_texts import Job, Mix
from clients.load.bench.workload.load_loops import Answer, Done
from clients.load.bench.workload.meter import Meter
from clients.load.bench.workload.readings import Load, reading

_WARM_UP_JOBS = 2


@dataclass(frozen=True, slots=True)
class Task:
    """What to measure: files of mixes, one caller, ``candidates`` a request; ``proof``: jobs to give the scores of."""

    engine: str
    variant: str
    checkpoint: str
    version_folder: str
    mixes: list[str]
    candidates: int
    seconds: float
    seed: int
    proof: list[tuple[str, list[str]]]


def main() -> None:
    """Reads the task, writes readings and scores."""
    task = Task(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    engine = open_engine(task.engine, task.variant, Path(task.checkpoint), Path(task.version_folder))
    scores = [engine.score(Job(context, tuple(items))) for context, items in task.proof]
    readings = [measure(engine, task, Mix.load(Path(file))) for file in task.mixes]
    Path(sys.argv[2]).write_text(json.dumps({"scores": scores, "readings": readings}), encoding="utf-8")


def measure(engine: Engine, task: Task, mix: Mix) -> dict[str, object]:
    """One request after the other for ``seconds``."""
    for job in islice(mix.jobs(task.candidates, task.seed + 1), _WARM_UP_JOBS):
        engine.score(job)
    jobs, done = mix.jobs(task.candidates, task.seed), []
    with Meter([os.getpid()]) as meter:
        start = time.perf_counter()
        while (sent := time.perf_counter() - start) < task.seconds:
            answer = Answer(len(engine.score(next(jobs))))
            done.append(Done(sent, sent, time.perf_counter() - start, answer))
    cost = meter.cost(sum(one.answer.pairs for one in done))
    return asdict(reading(task.engine, Load(mix.name, "closed", 1, task.candidates), done, task.seconds, cost))


if __name__ == "__main__":
    main()
