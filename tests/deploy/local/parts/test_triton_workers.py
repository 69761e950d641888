"""Triton's model repository while it runs: models are loaded, unloaded and probed one by one."""

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from deploy.local.errors import Broken, ProbeFailed
from deploy.local.parts import triton_workers
from deploy.local.parts.triton import Triton
from deploy.local.process.part import RunningPart
from tests.deploy.local.parts.test_triton import inputs, make_triton
from tests.paths import ROW_SUM_REPOSITORY
from tests.triton_control import with_key

NOT_FINITE = """
import numpy as np
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    def execute(self, requests):
        nothing = pb_utils.Tensor("logit", np.full((1, 1), np.nan, np.float32))
        return [pb_utils.InferenceResponse([nothing]) for _ in requests]
"""

DYING = """
import os
import signal


class TritonPythonModel:
    def initialize(self, args):
        os.kill(os.getpid(), signal.SIGKILL)

    def execute(self, requests):
        return []
"""


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the small test model, which tests may change."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copytree(ROW_SUM_REPOSITORY, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Iterator[RunningPart]:
    with make_triton(tmp_path_factory.mktemp("triton"), repository) as triton:
        yield triton


@pytest.fixture
def client(running: RunningPart) -> Iterator[InferenceServerClient]:
    assert isinstance(running.part, Triton)
    with InferenceServerClient(running.part.url) as connected:
        yield with_key(connected, running.part.key_file)


def add_model(repository: Path, name: str, code: str | None = None) -> None:
    """A copy of the small model under another name, with other code when given."""
    shutil.copytree(repository / "row_sum", repository / name)
    config = repository / name / "config.pbtxt"
    config.write_text(config.read_text().replace('"row_sum"', f'"{name}"'))
    if code:
        (repository / name / "1" / "model.py").write_text(code)


def test_every_model_of_the_repository_is_loaded_at_the_start(client: InferenceServerClient) -> None:
    index = client.get_model_repository_index(as_json=True)["models"]
    assert [(model["name"], model["state"]) for model in index] == [("row_sum", "READY")]


def test_a_model_can_be_added_and_removed_while_the_others_serve(
    running: RunningPart, client: InferenceServerClient, repository: Path
) -> None:
    add_model(repository, "another")
    client.load_model("another")
    assert client.infer("another", inputs([[1, 2]])).as_numpy("logit").tolist() == [[3.0]]
    running.part.probe(timeout_s=5)
    client.unload_model("another")
    with pytest.raises(InferenceServerException):
        client.infer("another", inputs([[1, 2]]))
    assert client.infer("row_sum", inputs([[1, 2]])).as_numpy("logit").tolist() == [[3.0]]
    running.part.probe(timeout_s=5)


def test_one_model_without_a_right_answer_fails_the_probe_by_name(
    running: RunningPart, client: InferenceServerClient, repository: Path
) -> None:
    add_model(repository, "not_finite", NOT_FINITE)
    client.load_model("not_finite")
    try:
        with pytest.raises(ProbeFailed, match="model not_finite gave an logit that is not finite"):
            running.part.probe(timeout_s=5)
    finally:
        client.unload_model("not_finite")


@pytest.fixture
def three_instances(tmp_path: Path) -> Iterator[RunningPart]:
    """A Triton of its own whose one model has three workers."""
    shutil.copytree(ROW_SUM_REPOSITORY, tmp_path / "models")
    config = tmp_path / "models" / "row_sum" / "config.pbtxt"
    config.write_text(config.read_text().replace("count: 1", "count: 3"))
    with make_triton(tmp_path, tmp_path / "models") as triton:
        yield triton


def inferences(client: InferenceServerClient, model: str) -> int:
    """How many a model has answered."""
    statistics = client.get_inference_statistics(model, as_json=True)["model_stats"]
    return sum(int(one["inference_stats"]["success"]["count"]) for one in statistics)


def kill_one_of_three(running: RunningPart) -> None:
    assert running.pid is not None
    workers = psutil.Process(running.pid).children()
    assert len(workers) == 3
    workers[1].kill()
    gives_up_at = time.monotonic() + 30
    while workers[1].status() != psutil.STATUS_ZOMBIE:  # on a busy machine it ends some time after it was killed
        assert time.monotonic() < gives_up_at, "the worker does not end"
        time.sleep(0.01)


def test_one_dead_worker_of_several_fails_the_probe_while_the_others_answer(three_instances: RunningPart) -> None:
    kill_one_of_three(three_instances)
    assert isinstance(three_instances.part, Triton)
    with with_key(InferenceServerClient(three_instances.part.url), three_instances.part.key_file) as client:
        # The first call that the dead worker gets ends after a second; until then only living ones are asked.
        client.async_infer("row_sum", inputs([[1]]), callback=lambda result, error: None)
        client.async_infer("row_sum", inputs([[1]]), callback=lambda result, error: None)
        for _ in range(5):
            with pytest.raises(Broken, match="1 of the workers"):
                three_instances.part.probe(timeout_s=5)


def test_the_dead_worker_of_another_triton_is_not_ours(three_instances: RunningPart, running: RunningPart) -> None:
    kill_one_of_three(three_instances)
    with pytest.raises(Broken, match="1 of the workers"):
        three_instances.part.probe(timeout_s=5)
    running.part.probe(timeout_s=5)


def test_a_worker_whose_model_is_unloaded_is_not_dead(
    running: RunningPart, client: InferenceServerClient, repository: Path
) -> None:
    add_model(repository, "coming_and_going")
    before = inferences(client, "row_sum")
    for _ in range(3):
        client.load_model("coming_and_going")
        client.unload_model("coming_and_going")
        for _ in range(10):
            running.part.probe(timeout_s=5)
    assert inferences(client, "row_sum") == before + 30, "every probe passed by an answer of the other model"


@pytest.mark.parametrize(
    ("looks", "changes", "dead"),
    [
        ([{7}, set()], False, 0),
        ([{7}, {7, 8}], False, 1),
        ([{7}, {8}], False, 0),
        ([set()], False, 0),
        ([{7}, {7}], True, 0),
    ],
)
def test_a_worker_is_dead_when_nobody_collects_it_and_no_model_comes_or_goes(
    looks: list[set[int]], changes: bool, dead: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    following = iter(looks)
    monkeypatch.setattr(triton_workers, "_ended", lambda port: next(following))
    monkeypatch.setattr(triton_workers, "_COLLECTED_S", 0)
    assert triton_workers.dead_workers(8001, lambda: changes) == dead


def test_a_model_whose_worker_dies_while_it_is_loaded_leaves_the_others_alive(
    running: RunningPart, client: InferenceServerClient, repository: Path
) -> None:
    add_model(repository, "dying", DYING)
    with ThreadPoolExecutor() as loading:
        refused = loading.submit(client.load_model, "dying")
        while not refused.done():
            running.part.probe(timeout_s=5)
    assert isinstance(refused.exception(), InferenceServerException)
    running.part.probe(timeout_s=5)


def test_a_server_without_a_model_fails_the_probe(running: RunningPart, client: InferenceServerClient) -> None:
    client.unload_model("row_sum")
    try:
        with pytest.raises(ProbeFailed, match="no model loaded"):
            running.part.probe(timeout_s=5)
    finally:
        client.load_model("row_sum")


def test_callers_of_different_lengths_get_their_own_answers(client: InferenceServerClient) -> None:
    rows = [list(range(1, length + 1)) for length in range(1, 30)]
    for row in rows:
        assert client.infer("row_sum", inputs([row, row])).as_numpy("logit").tolist() == [[sum(row)], [sum(row)]]
