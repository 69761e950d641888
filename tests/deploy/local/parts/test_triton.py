"""The real Triton on a model whose every answer can be recomputed."""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from deploy.local.errors import Broken, ProbeFailed, StartFailed, Unready
from deploy.local.parts import shared_memory, triton_probe
from deploy.local.parts.ports import free_ports
from deploy.local.parts.triton import Triton
from deploy.local.parts.triton_control import control_headers
from deploy.local.parts.triton_probe import TritonProbe
from deploy.local.process import orphans
from deploy.local.process.part import RunningPart
from tests.conftest import StartTriton, Tritons
from tests.deploy.local.waiting import wait_until
from tests.paths import ROW_SUM_REPOSITORY

SLEEP_ID = 999


def make_triton(directory: Path, repository: Path = ROW_SUM_REPOSITORY) -> RunningPart:
    port, metrics_port = free_ports(2)
    part = Triton(directory, port, metrics_port, model_repository=repository)
    return RunningPart(part, state_directory=directory)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[RunningPart]:
    with make_triton(tmp_path) as triton:
        yield triton


def inputs(token_ids: list[list[int]]) -> list[InferInput]:
    rows = np.asarray(token_ids, dtype=np.int32)
    tensors = []
    for name, values in (("input_ids", rows), ("attention_mask", np.ones_like(rows))):
        tensor = InferInput(name, list(rows.shape), "INT32")
        tensor.set_data_from_numpy(values)
        tensors.append(tensor)
    return tensors


def worker_of(running: RunningPart) -> psutil.Process:
    assert running.pid is not None
    (worker,) = psutil.Process(running.pid).children()
    return worker


def test_it_scores_every_row(start_triton: StartTriton) -> None:
    with InferenceServerClient(start_triton(ROW_SUM_REPOSITORY)) as client:
        logits = client.infer("row_sum", inputs([[1, 2, 3], [4, 5, 6]])).as_numpy("logit")
    assert logits.tolist() == [[6.0], [15.0]]


def test_it_listens_on_the_loopback_interface_only(running: RunningPart) -> None:
    assert running.pid is not None
    listening = [c.laddr for c in psutil.Process(running.pid).net_connections("inet") if c.status == "LISTEN"]
    addresses, ports = {one.ip.removeprefix("::ffff:") for one in listening}, [one.port for one in listening]
    assert addresses == {"127.0.0.1"}
    assert isinstance(running.part, Triton)
    assert sorted(ports) == sorted([running.part.port, running.part.metrics_port]), "gRPC and metrics, no HTTP"


CONTROL: dict[str, Callable[[InferenceServerClient, dict[str, str]], object]] = {
    "index": lambda client, key: client.get_model_repository_index(headers=key),
    "load": lambda client, key: client.load_model("row_sum", headers=key),
    "statistics": lambda client, key: client.get_inference_statistics("row_sum", headers=key),
    "shared memory": lambda client, key: client.get_system_shared_memory_status(headers=key),
    "trace": lambda client, key: client.get_trace_settings(headers=key),
    "log": lambda client, key: client.get_log_settings(headers=key),
}


@pytest.mark.parametrize("ask", CONTROL.values(), ids=CONTROL)
def test_its_control_answers_only_who_has_the_key(
    start_triton: StartTriton, tritons: Tritons, ask: Callable[[InferenceServerClient, dict[str, str]], object]
) -> None:
    triton = tritons[start_triton(ROW_SUM_REPOSITORY)]
    (header,) = (key := control_headers(triton.key_file))
    with InferenceServerClient(triton.url) as client:
        for wrong in ({}, {header: "0" * 64}):
            with pytest.raises(InferenceServerException, match="This protocol is restricted"):
                ask(client, wrong)
        ask(client, key)
        assert client.infer("row_sum", inputs([[1, 2]])).as_numpy("logit").tolist() == [[3.0]], "no key is needed"


def test_only_its_owner_reads_the_key_and_every_start_makes_a_new_one(tmp_path: Path) -> None:
    triton = Triton(tmp_path, 1, 2, model_repository=ROW_SUM_REPOSITORY)
    keys = set()
    for _ in range(2):
        triton.prepare(tmp_path / "log")
        keys.add(triton.key_file.read_text())
        assert triton.key_file.stat().st_mode & 0o777 == 0o600
    assert len(keys) == 2


def test_a_dead_worker_fails_the_probe_although_triton_reports_ready(running: RunningPart) -> None:
    worker = worker_of(running)
    worker.kill()
    wait_until(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE, "the worker has ended")
    with pytest.raises(Broken, match=r"1 of the workers of Triton at .* ended"):
        running.part.probe(timeout_s=5.0)
    with InferenceServerClient(running.part.url) as client:
        assert client.is_server_ready()
        assert client.is_model_ready("row_sum")


def test_a_dead_worker_on_another_machine_is_found_by_questions(
    running: RunningPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker_of(running).kill()
    monkeypatch.setattr(triton_probe, "_THIS_MACHINE", ())
    with pytest.raises(Broken, match="row_sum"):
        running.part.probe(timeout_s=5.0)


def test_a_killed_server_leaves_neither_processes_nor_shared_memory_after_the_stop(tmp_path: Path) -> None:
    with make_triton(tmp_path) as running:
        assert len(shared_memory.regions(tmp_path)) == 1
        assert running.pid is not None
        os.kill(running.pid, signal.SIGKILL)
        wait_until(lambda: running.exit_code() is not None, "the killed server is noticed")
        assert len(shared_memory.regions(tmp_path)) == 1
    assert shared_memory.regions(tmp_path) == []
    assert list(orphans.find("triton", tmp_path)) == []


def next_failure(probe: TritonProbe) -> ProbeFailed:
    """What the probe says as soon as the slow request, sent a moment ago, occupies the worker."""
    failures: list[ProbeFailed] = []

    def failed() -> bool:
        try:
            probe.check(timeout_s=0.5)
        except ProbeFailed as failure:
            failures.append(failure)
        return bool(failures)

    wait_until(failed, "the slow request occupies the worker")
    return failures[0]


def test_a_loaded_model_is_busy_and_not_broken(running: RunningPart) -> None:
    assert isinstance(running.part, Triton)
    probe = TritonProbe(running.part.url, running.part.key_file)
    with ThreadPoolExecutor() as others, InferenceServerClient(running.part.url) as client:
        answer = others.submit(client.infer, "row_sum", inputs([[SLEEP_ID]]))
        assert not isinstance(next_failure(probe), Unready), "nothing was known of the server's progress yet"
        assert answer.result().as_numpy("logit").tolist() == [[SLEEP_ID]]
        others.submit(client.infer, "row_sum", inputs([[SLEEP_ID]]))
        assert isinstance(next_failure(probe), Unready)


def test_an_empty_repository_is_refused_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="no model in"), make_triton(tmp_path, repository=tmp_path / "nothing"):
        pass


def test_a_model_that_cannot_load_is_reported_with_tritons_own_words(tmp_path: Path) -> None:
    model = tmp_path / "repository" / "broken"
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text('name: "broken"\nbackend: "python"\n')
    (model / "1" / "model.py").write_text("raise RuntimeError('weights are missing')\n")
    with pytest.raises(StartFailed, match="weights are missing"), make_triton(tmp_path, repository=model.parent):
        pass
