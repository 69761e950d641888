"""A real Triton refuses a version whose files are not what it was written with, by name, and nothing else with it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from tritonclient.grpc import InferenceServerClient, InferInput
from tritonclient.utils import InferenceServerException

from deploy.local.parts.ports import free_ports
from deploy.local.parts.triton import Triton
from deploy.local.process.part import RunningPart
from tests.training.export.backend import checksum_graph
from tests.triton_control import with_key
from training.release.repository.version import VersionContent, write_model_version

LOGIT = [[1.0 * 5 + 2.0 * 6]]


def write(repository: Path, source: Path, name: str, version: int = 1) -> Path:
    content = VersionContent(graph=source / "model.onnx", transformers_config=source / "config.json", card="# Sums")
    return write_model_version(repository, name, version, content)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    (folder / "config.json").write_text("{}")
    checksum_graph(folder / "model.onnx")
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, source: Path) -> Iterator[Triton]:
    """Started on a good model and one that was changed."""
    directory, repository = tmp_path_factory.mktemp("triton"), tmp_path_factory.mktemp("models")
    write(repository, source, "good")
    change_a_byte(write(repository, source, "changed"))
    port, metrics_port = free_ports(2)
    triton = Triton(directory, port, metrics_port, model_repository=repository)
    with RunningPart(triton, state_directory=directory):
        yield triton


@pytest.fixture
def client(server: Triton) -> Iterator[InferenceServerClient]:
    with InferenceServerClient(server.url) as client:
        yield with_key(client, server.key_file)


def ask(client: InferenceServerClient, model: str) -> list[list[float]]:
    tensors = []
    for name, values in (("input_ids", [[5, 6]]), ("attention_mask", [[1, 1]])):
        tensor = InferInput(name, [1, 2], "INT32")
        tensor.set_data_from_numpy(np.array(values, np.int32))
        tensors.append(tensor)
    answer: list[list[float]] = client.infer(model, tensors).as_numpy("logit").tolist()
    return answer


def change_a_byte(version: Path) -> None:
    graph = version / "model.onnx"
    content = bytearray(graph.read_bytes())
    content[-1] ^= 1
    graph.write_bytes(content)


def change_the_worker(version: Path) -> None:
    with (version / "model.py").open("a", encoding="utf-8") as code:
        code.write("# more\n")


def add_a_file(version: Path) -> None:
    (version / "notes.txt").write_text("more", encoding="utf-8")


def add_code(version: Path) -> None:
    (version / "packed").mkdir()
    (version / "packed" / "opening.py").write_text("raise SystemExit", encoding="utf-8")


def take_away(version: Path) -> None:
    (version / "config.json").unlink()


def link(version: Path) -> None:
    shutil.move(version / "model.onnx", version.parent / "elsewhere.onnx")
    (version / "model.onnx").symlink_to(version.parent / "elsewhere.onnx")


CHANGES: dict[Callable[[Path], None], str] = {
    change_a_byte: "model.onnx: sha256",
    change_the_worker: "model.py: bytes",
    add_a_file: "notes.txt is not one of the files",
    add_code: "packed/opening.py is not one of the files",
    take_away: "config.json is missing",
    link: "model.onnx is a symbolic link",
}


@pytest.mark.parametrize(("change", "told"), CHANGES.items(), ids=[one.__name__ for one in CHANGES])
def test_a_changed_version_is_refused_by_name_and_loads_as_it_was_written(
    server: Triton, client: InferenceServerClient, source: Path, change: Callable[[Path], None], told: str
) -> None:
    version = write(server.model_repository, source, f"model_{change.__name__}")
    kept = shutil.copytree(version, version.parents[1] / f".{version.parent.name}")
    change(version)
    with pytest.raises(InferenceServerException, match=told):
        client.load_model(version.parent.name)
    assert ask(client, "good") == LOGIT
    shutil.rmtree(version)
    kept.rename(version)
    client.load_model(version.parent.name)
    assert ask(client, version.parent.name) == LOGIT


def test_a_server_starts_without_a_changed_model(client: InferenceServerClient) -> None:
    assert ask(client, "good") == LOGIT
    with pytest.raises(InferenceServerException, match="no available versions"):
        ask(client, "changed")


def test_a_changed_version_takes_nothing_from_the_one_that_serves(
    server: Triton, client: InferenceServerClient, source: Path
) -> None:
    write(server.model_repository, source, "two")
    client.load_model("two")
    change_a_byte(write(server.model_repository, source, "two", 2))
    with pytest.raises(InferenceServerException, match=r"/two/2: model.onnx: sha256"):
        client.load_model("two")
    assert ask(client, "two") == LOGIT
