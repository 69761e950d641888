"""Infinity as a server on this machine, and a call to its /rerank. Must not know how its environment is made."""

import asyncio
import http.client
import json
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clients.load.bench.workload.job_texts import Job
from clients.load.bench.workload.load_loops import Answer
from deploy.local.errors import ProbeFailed
from deploy.local.parts.ports import LOOPBACK
from deploy.local.process import process
from deploy.local.process.part import LeavesNothing

MODEL = "peer"
CALL_TIMEOUT_S = 60.0
ENGINES = {
    "infinity_torch": ("--engine", "torch", "--no-bettertransformer"),
    "infinity_int8": ("--engine", "optimum"),
}


class PeerFailed(Exception):
    """Infinity answered with an error."""


@dataclass(frozen=True, slots=True)
class Infinity(LeavesNothing):
    """A part (deploy/local/process/part.py): one engine on a checkpoint folder, offline, sending nothing anywhere."""

    name: str
    program: Path
    checkpoint: Path
    port: int
    start_timeout_s: float = 180.0

    @property
    def url(self) -> str:
        """host:port of the HTTP API."""
        return f"{LOOPBACK}:{self.port}"

    def command(self) -> process.Command:
        """Started inside the checkpoint's folder: its ONNX engine finds local files in no other way."""
        place = ("--model-id", ".", "--served-model-name", MODEL, "--host", LOOPBACK, "--port", str(self.port))
        return process.Command(
            arguments=(str(self.program), "v2", *place, "--device", "cpu", "--no-model-warmup", *ENGINES[self.name]),
            directory=self.checkpoint,
            mark=f"{self.name}@{self.checkpoint}",
            stop_signal=signal.SIGKILL,  # it may be suspended, and then hears nothing else
            environment={
                "HF_HUB_OFFLINE": "1",
                "INFINITY_ANONYMOUS_USAGE_STATS": "0",
                "DO_NOT_TRACK": "1",
                "PYTHONPATH": "",
            },
        )

    def probe(self, timeout_s: float) -> None:
        """A ranking of two documents."""
        try:
            rank(self.url, Job("alien", ("a film", "another film")), timeout_s)
        except (OSError, PeerFailed, http.client.HTTPException) as fault:
            raise ProbeFailed(f"{self.name} does not answer: {fault}") from fault


def rank(url: str, job: Job, timeout_s: float = CALL_TIMEOUT_S) -> list[float]:
    """A score per item, in the job's order. Raises PeerFailed, OSError or HTTPException."""
    connection = http.client.HTTPConnection(url, timeout=timeout_s)
    try:
        return _scores(_ask(connection, job), len(job.items))
    finally:
        connection.close()


class Caller:
    """One caller with a connection of its own, kept open."""

    def __init__(self, url: str) -> None:
        self._connection = http.client.HTTPConnection(url, timeout=CALL_TIMEOUT_S)

    async def __call__(self, job: Job) -> Answer:
        """Ranks the job."""
        try:
            scores = await asyncio.to_thread(lambda: _scores(_ask(self._connection, job), len(job.items)))
        except (OSError, PeerFailed, http.client.HTTPException):
            self._connection.close()
            return Answer(0, failed=True)
        return Answer(len(scores))

    def close(self) -> None:
        """Ends the connection."""
        self._connection.close()


def _ask(connection: http.client.HTTPConnection, job: Job) -> Any:
    body = json.dumps({"model": MODEL, "query": job.context, "documents": job.items, "return_documents": False})
    connection.request("POST", "/rerank", body, {"Content-Type": "application/json"})
    response = connection.getresponse()
    content = response.read()
    if response.status != 200:
        raise PeerFailed(f"HTTP {response.status}: {content[:200].decode(errors='replace')}")
    return json.loads(content)


def _scores(answer: Any, items: int) -> list[float]:
    results: Sequence[Any] = answer["results"]
    by_place = {int(one["index"]): float(one["relevance_score"]) for one in results}
    if sorted(by_place) != list(range(items)):
        raise PeerFailed(f"{len(by_place)} scores for {items} documents")
    return [by_place[place] for place in range(items)]
