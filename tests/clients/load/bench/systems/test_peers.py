"""Peers: what is asked of Infinity, how its answers and failures are read; engines in process with the real graph."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from clients.load.bench.systems import engines, environment, infinity
from clients.load.bench.systems.environment import InfinityEnvironment
from clients.load.bench.systems.peers import InfinityServer, InProcess
from clients.load.bench.systems.triton_alone import encoded
from clients.load.bench.systems.wide_repository import write_wide_repository
from clients.load.bench.workload.job_texts import Job, mixed
from clients.load.bench.workload.system import SystemAbsent, Visit
from deploy.local.errors import ProbeFailed, StartFailed
from deploy.local.parts.ports import LOOPBACK, free_port
from deploy.local.parts.triton import PROJECT_REPOSITORY
from deploy.local.process import process
from gateway.encoding.bundle import open_bundle
from tests.clients.load.bench.made import MIX
from training.export.compare import score_graph

JOB = Job("a context", ("first", "second", "third"))


@contextmanager
def http_server(answer: Any, status: int = 200) -> Iterator[tuple[str, list[Any]]]:
    """A server that gives one answer to everything; what it was asked."""
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:  # the name that http.server calls
            asked.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Quiet."""

    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{LOOPBACK}:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def results(*scores: tuple[int, float]) -> dict[str, object]:
    return {"results": [{"index": index, "relevance_score": score} for index, score in scores]}


def test_scores_come_back_in_the_order_of_the_items() -> None:
    with http_server(results((2, 0.9), (0, 0.5), (1, 0.1))) as (url, asked):
        assert infinity.rank(url, JOB) == [0.5, 0.1, 0.9]
    ((path, body),) = asked
    assert path == "/rerank"
    assert (body["query"], body["documents"]) == ("a context", ["first", "second", "third"])


@pytest.mark.parametrize("answer", [results((0, 0.5)), results((0, 0.5), (1, 0.5), (1, 0.5))])
def test_an_answer_that_lacks_items_is_an_error(answer: Any) -> None:
    with http_server(answer) as (url, _), pytest.raises(infinity.PeerFailed, match="for 3 documents"):
        infinity.rank(url, JOB)


async def test_a_caller_counts_its_failures_and_goes_on() -> None:
    with http_server({"detail": "no"}, status=500) as (url, asked):
        caller = infinity.Caller(url)
        assert [(await caller(JOB)).failed for _ in range(2)] == [True, True]
        caller.close()
    assert len(asked) == 2


async def test_a_caller_keeps_its_connection() -> None:
    with http_server(results((0, 0.1), (1, 0.2), (2, 0.3))) as (url, _):
        caller = infinity.Caller(url)
        assert [(await caller(JOB)).pairs for _ in range(3)] == [3, 3, 3]
        caller.close()


def test_a_server_that_is_not_there_is_not_ready() -> None:
    part = infinity.Infinity("infinity_torch", Path("program"), Path("checkpoint"), free_port())
    with pytest.raises(ProbeFailed, match="infinity_torch does not answer"):
        part.probe(1.0)


@pytest.mark.parametrize(("name", "engine"), [("infinity_torch", "torch"), ("infinity_int8", "optimum")])
def test_it_is_started_offline_inside_the_checkpoint(name: str, engine: str, tmp_path: Path) -> None:
    command = infinity.Infinity(name, tmp_path / "infinity_emb", tmp_path, 7997).command()
    assert command.directory == tmp_path
    assert command.arguments[command.arguments.index("--engine") + 1] == engine
    assert command.arguments[command.arguments.index("--model-id") + 1] == "."
    assert command.environment["HF_HUB_OFFLINE"] == "1"


def test_an_environment_that_cannot_be_made_makes_the_system_absent_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "PACKAGES", ("no-such-package-anywhere @ file:///nowhere/at/all.whl",))
    made = InfinityEnvironment(tmp_path / "infinity")
    server = InfinityServer("infinity_torch", made, tmp_path, tmp_path)
    with pytest.raises(SystemAbsent, match="Infinity does not run here: python ended with 1"):
        server.visit(Visit(0, [MIX], 1.0, 1, tmp_path))
    server.close()
    assert not (tmp_path / "infinity" / "packages").exists(), "half an environment is not taken for a whole one"


def test_an_environment_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = InfinityEnvironment(tmp_path)
    made.program.parent.mkdir(parents=True)
    made.program.touch()
    (tmp_path / "packages").write_text("\n".join(environment.PACKAGES))

    def refused(*arguments: object, **more: object) -> None:
        raise StartFailed("made again")

    monkeypatch.setattr(process, "run", refused)
    made.make()
    monkeypatch.setattr(environment, "PACKAGES", ("other==1",))
    with pytest.raises(StartFailed, match="made again"):
        made.make()


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    return write_wide_repository(PROJECT_REPOSITORY, folder / "wide") / "cross_encoder" / "1"


@pytest.mark.parametrize("arrangement", [engines.MANY_SESSIONS, engines.ONE_SESSION])
def test_the_bare_engine_scores_every_item_as_the_graph_does_alone(version: Path, arrangement: str) -> None:
    mix = mixed(version / "encoding" / "tokenizer.json", seed=4)
    job = next(mix.jobs(21, seed=4))
    (pairs,) = encoded(open_bundle(version / "encoding").encoder, [job])
    expected = score_graph(version / "model.onnx", pairs).tolist()
    assert engines.BareEngine(version, arrangement).score(job) == pytest.approx(expected, abs=1e-4)


def test_nothing_is_cut_in_the_wide_copy(version: Path) -> None:
    encoder = open_bundle(version / "encoding").encoder
    mix = mixed(version / "encoding" / "tokenizer.json", seed=4)
    jobs = [job for job, _ in zip(mix.jobs(100, seed=4), range(20), strict=False)]
    assert not any(pair.truncated for pairs in encoded(encoder, jobs) for pair in pairs)


def test_an_engine_is_measured_in_a_process_of_its_own(version: Path, tmp_path: Path) -> None:
    mix = mixed(version / "encoding" / "tokenizer.json", seed=4)
    proof = [next(mix.jobs(5, seed=9))]
    findings = InProcess("bare_engine", tmp_path, version).visit(Visit(0, [mix], 0.4, 7, tmp_path, proof))
    assert [one.variant for one in findings.readings] == [engines.MANY_SESSIONS, engines.ONE_SESSION]
    for one in findings.readings:
        assert one.pairs_per_s > 0
        assert one.cost is not None
        assert one.cost.pairs >= 100
        assert one.cost.cpu_s > 0
        assert one.latencies_ms
    assert findings.scores == [
        pytest.approx(engines.BareEngine(version, engines.ONE_SESSION).score(proof[0]), abs=1e-4)
    ]
