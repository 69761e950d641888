"""What the worker counts, read where Prometheus reads it: the metrics port of a real Triton."""

import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from tritonclient.grpc.aio import InferenceServerClient

from deploy.local.parts.ports import free_ports
from deploy.local.parts.triton import Triton
from deploy.local.process.part import RunningPart
from tests.model_repository.test_on_triton import ask
from tests.training.export.backend import checksum_graph
from training.release.repository.version import VersionContent, write_model_version

MODELS = ("first", "second")
Counters = dict[tuple[str, str, str], float]


@pytest.fixture(scope="module")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Triton]:
    """Serves two models of one worker: both count in the same families."""
    source, repository = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("models")
    (source / "config.json").write_text("{}")
    graph = checksum_graph(source / "model.onnx")
    content = VersionContent(graph=graph, transformers_config=source / "config.json", card="# Checksums")
    for model in MODELS:
        write_model_version(repository, model, 1, content)
    directory = tmp_path_factory.mktemp("triton")
    port, metrics_port = free_ports(2)
    part = Triton(directory, port, metrics_port, model_repository=repository)
    with RunningPart(part, state_directory=directory):
        yield part


def scrape(triton: Triton) -> Counters:
    """Values of the worker's counters by family, model and kind."""
    with urllib.request.urlopen(triton.metrics_url, timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    counters: Counters = {}
    for line in lines:
        if line.startswith("crossrank_worker_"):
            name, _, rest = line.partition("{")
            written, _, value = rest.rpartition("} ")
            labels = dict(label.split("=") for label in written.replace('"', "").split(","))
            assert labels["version"] == "1"
            counters[(name, labels["model"], labels.get("kind", ""))] = float(value)
    return counters


async def test_tokens_padding_and_runs_of_each_model_are_on_the_metrics_port(triton: Triton) -> None:
    warmed_up = scrape(triton)
    mask = (np.arange(9) < np.array([[9], [9], [8]])).astype(np.int32)
    client = InferenceServerClient(triton.url)
    await ask(client, MODELS[0], {"input_ids": np.ones_like(mask), "attention_mask": mask})
    await client.close()
    after = scrape(triton)
    moved = {key: value - warmed_up[key] for key, value in after.items()}
    tokens, runs = "crossrank_worker_tokens_total", "crossrank_worker_micro_batches_total"
    assert moved[(tokens, MODELS[0], "real")] == 26
    assert moved[(tokens, MODELS[0], "padding")] <= 1, "no padding where every core gets a row of its own"
    assert 1 <= moved[(runs, MODELS[0], "")] <= 3
    assert {key: value for key, value in moved.items() if key[1] == MODELS[1]} == {
        (tokens, MODELS[1], "real"): 0,
        (tokens, MODELS[1], "padding"): 0,
        (runs, MODELS[1], ""): 0,
    }
    assert warmed_up[(tokens, MODELS[1], "real")] > 0, "warming up runs the graph"
