"""The probe that Kubernetes runs inside Triton's pod, on a real Triton, laid out as in the image."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from deploy.local.parts.ports import free_port, free_ports
from deploy.local.parts.triton import Triton
from deploy.local.process.part import RunningPart
from tests.deploy.kubernetes.manifests import dockerfile
from tests.deploy.local.waiting import wait_until
from tests.paths import ROOT, ROW_SUM_REPOSITORY

SLEEPING = 999  # the token id that makes the test model sleep for four seconds


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the Dockerfile copies to /opt/crossrank."""
    folder, text = tmp_path_factory.mktemp("image"), dockerfile("triton")
    for name, default in re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE):
        text = text.replace(f"${{{name}}}", default)
    for line in re.findall(r"^COPY (.+?) +/opt/crossrank/(\S*)$", text, re.MULTILINE):
        sources, target = line[0].split(), folder / line[1]
        target.mkdir(parents=True, exist_ok=True)
        for source in sources:
            shutil.copy(ROOT / source, target)
    return folder


@contextmanager
def running_triton(directory: Path) -> Iterator[RunningPart]:
    port, metrics_port = free_ports(2)
    part = Triton(directory, port, metrics_port, model_repository=ROW_SUM_REPOSITORY)
    with RunningPart(part, state_directory=directory) as running:
        yield running


def key_of(running: RunningPart) -> str:
    assert isinstance(running.part, Triton)
    return str(running.part.key_file)


def probe(image: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the probe with nothing of the project but what is in the image."""
    command = (sys.executable, str(image / "probe_inference.py"), *arguments)
    environment = {"PATH": os.environ["PATH"], "PYTHONSAFEPATH": ""}
    return subprocess.run(command, cwd=image, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("mode", ["ready", "alive"])
def test_it_passes_while_models_answer(image: Path, triton_of_rows: Triton, mode: str) -> None:
    done = probe(image, mode, triton_of_rows.url, str(triton_of_rows.key_file))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("mode", ["ready", "alive"])
def test_it_fails_where_nothing_listens(image: Path, mode: str) -> None:
    done = probe(image, mode, f"127.0.0.1:{free_port()}")
    assert done.returncode == 1
    assert "does not answer" in done.stdout


@pytest.mark.parametrize("mode", ["ready", "alive"])
def test_it_fails_when_a_worker_is_dead_although_triton_reports_ready(image: Path, tmp_path: Path, mode: str) -> None:
    with running_triton(tmp_path) as running:
        assert running.pid is not None
        for worker in psutil.Process(running.pid).children():
            worker.kill()
        done = probe(image, mode, running.part.url, key_of(running))
        with InferenceServerClient(running.part.url) as client:
            assert client.is_server_ready()
    assert done.returncode == 1
    assert "1 of the workers" in done.stdout


@pytest.mark.parametrize(("mode", "exit_code"), [("ready", 1), ("alive", 0)])
def test_an_overloaded_server_is_not_ready_but_alive(image: Path, tmp_path: Path, mode: str, exit_code: int) -> None:
    with running_triton(tmp_path) as running, InferenceServerClient(running.part.url) as client:
        # One: two that Triton batches sleep one after the other, longer than the probe waits to hear of the overload.
        client.async_infer("row_sum", _inputs(SLEEPING), callback=lambda result, error: None)
        wait_until(lambda: _is_busy(client), "the worker sleeps")
        done = probe(image, mode, running.part.url, key_of(running))
    assert done.returncode == exit_code
    assert ("overloaded" in done.stdout) == bool(exit_code)


@pytest.mark.parametrize("arguments", [(), ("well",), ("ready", "a:1", "b", "c")])
def test_other_questions_are_usage_errors(image: Path, arguments: tuple[str, ...]) -> None:
    done = probe(image, *arguments)
    assert done.returncode == 2
    assert "usage" in done.stderr


@pytest.fixture(scope="module")
def triton_of_rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    """A real Triton with the test model, of this module alone."""
    with running_triton(tmp_path_factory.mktemp("triton")) as running:
        assert isinstance(running.part, Triton)
        yield running.part


def _is_busy(client: InferenceServerClient) -> bool:
    try:
        client.infer("row_sum", _inputs(1), client_timeout=0.2)
    except InferenceServerException:
        return True
    return False


def _inputs(token_id: int) -> list[InferInput]:
    rows = np.full((1, 1), token_id, dtype=np.int32)
    tensors = []
    for name, values in (("input_ids", rows), ("attention_mask", np.ones_like(rows))):
        tensor = InferInput(name, [1, 1], "INT32")
        tensor.set_data_from_numpy(values)
        tensors.append(tensor)
    return tensors
