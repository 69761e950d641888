"""The worker with a version for GPUs: the packed engine answers on a GPU, the graph elsewhere. A CPU stands in for the
card."""

import json
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedModel

from tests.training.export import backend
from tests.training.export.backend import Array, Request, TritonError
from tests.training.export.worker.packed.conftest import ragged_rows, tiny_model, transformers_logits
from tests.training.export.worker.packed.versions import write_packed_version
from training.release.repository.triton_config import read_config

SMALL = {"micro_batch_rows": 8, "micro_batch_tokens": 96, "workers": 1}


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The version's package is imported anew each time, and forgotten afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    with backend.worker_module() as module:
        monkeypatch.setattr(module, "CARD", "cpu")
        yield module
    for name in [one for one in sys.modules if one == "packed" or one.startswith("packed.")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def served() -> PreTrainedModel:
    return tiny_model("bert", layers=2)


@pytest.fixture(scope="module")
def version(served: PreTrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_packed_version(served, tmp_path_factory.mktemp("packed"))


def start(worker: Any, version: Path, parameters: Mapping[str, int], kind: str = "GPU") -> Any:
    written = read_config(version.parent / "config.pbtxt").parameters
    values = {name: value.string_value for name, value in written.items()} | {k: str(v) for k, v in parameters.items()}
    config = {"parameters": {name: {"string_value": value} for name, value in values.items()}}
    model = worker.TritonPythonModel()
    model.initialize(
        {
            "model_config": json.dumps(config),
            "model_name": version.parent.name,
            "model_repository": str(version.parent),
            "model_version": version.name,
            "model_instance_kind": kind,
            "model_instance_device_id": "0",
        }
    )
    return model


def request_of(rows: list[dict[str, Array]]) -> Request:
    """One padded request, with garbage behind each row's end."""
    longest = max(len(row["input_ids"]) for row in rows)
    inputs = {
        "input_ids": np.full((len(rows), longest), -7, np.int32),
        "attention_mask": np.zeros((len(rows), longest), np.int32),
        "token_type_ids": np.full((len(rows), longest), 9, np.int32),
    }
    for place, row in enumerate(rows):
        for name, tensor in inputs.items():
            tensor[place, : len(row[name])] = row[name]
    return Request(inputs)


@pytest.mark.parametrize("seed", range(3))
def test_every_logit_belongs_to_its_pair(worker: Any, served: PreTrainedModel, version: Path, seed: int) -> None:
    model = start(worker, version, SMALL)
    requests, expected = [], []
    for number, pairs in enumerate((5, 2, 9, 3)):
        rows = ragged_rows(served, 10 * seed + number, pairs)
        requests.append(request_of([dict(row) for row in rows]))
        expected.append(transformers_logits(served, rows))
    for response, logits in zip(model.execute(requests), expected, strict=True):
        assert response.error is None, response.error.message
        (tensor,) = response.output_tensors
        assert (tensor.name, tensor.array.dtype) == ("logit", np.float32)
        np.testing.assert_allclose(tensor.array, logits, atol=0.01, err_msg=f"seed {seed}")
        assert np.abs(tensor.array - logits).max() > 0, "these are the logits of the weights in half precision"
    model.finalize()


def test_the_engine_is_chosen_by_the_kind_of_the_instance(worker: Any, version: Path) -> None:
    assert start(worker, version, SMALL, "CPU")._graph.runtime == "ONNX Runtime"
    assert start(worker, version, SMALL, "GPU")._graph.runtime == "PyTorch"


def test_the_engine_is_the_one_of_the_version_folder(worker: Any, version: Path) -> None:
    start(worker, version, SMALL)
    assert Path(sys.modules["packed.engine"].__file__ or "").parent == version / "packed"


def test_micro_batches_hold_real_tokens_up_to_the_budget(worker: Any, served: PreTrainedModel, version: Path) -> None:
    model = start(worker, version, SMALL)
    jobs = [
        worker.Job(request_of([dict(row) for row in ragged_rows(served, 30 + n, 12)]), model._graph) for n in (0, 1)
    ]
    batches = list(worker.micro_batches(jobs, model._options))
    lengths = [[row.length for row in batch] for batch in batches]
    assert sum(map(len, lengths)) == 24
    assert all(sum(one) <= 96 or len(one) == 1 for one in lengths)
    assert all(len(one) <= 8 for one in lengths)
    assert any(len(one) * max(one) > 96 for one in lengths), "a budget of padded tokens would have cut this one"
    for one, following in pairwise(lengths):
        assert len(one) == 8 or sum(one) + following[0] > 96, "the next row would have fitted"


def test_a_pair_whose_first_token_is_masked_is_refused_and_harms_nobody(
    worker: Any, served: PreTrainedModel, version: Path
) -> None:
    model = start(worker, version, SMALL)
    good, bad = (request_of([dict(row) for row in ragged_rows(served, 40, 4)]) for _ in range(2))
    bad.inputs["attention_mask"][1:, 0] = 0
    bad.inputs["attention_mask"][:, 1] = 1
    first, second = model.execute([bad, good])
    assert first.error.code == TritonError.INVALID_ARG
    assert "first token has attention_mask 0" in first.error.message
    assert second.error is None


@pytest.mark.parametrize(
    ("name", "value", "message"), [("input_ids", 200, "knows 0 to 199"), ("token_type_ids", 2, "knows 0 to 1")]
)
def test_the_limits_are_those_of_the_weights(worker: Any, version: Path, name: str, value: int, message: str) -> None:
    model = start(worker, version, SMALL)
    ones = np.ones((1, 3), np.int32)
    inputs = {"input_ids": ones, "attention_mask": ones, "token_type_ids": ones, name: np.full((1, 3), value, np.int32)}
    (response,) = model.execute([Request(inputs)])
    assert message in response.error.message
    long = np.ones((1, 67), np.int32)
    (response,) = model.execute([Request(dict.fromkeys(inputs, long))])
    assert "67 tokens; at most 66" in response.error.message


def test_a_failing_card_fails_the_requests_of_that_micro_batch(
    worker: Any, served: PreTrainedModel, version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = start(worker, version, SMALL)

    def out_of_memory(_: object) -> None:
        raise sys.modules["torch"].OutOfMemoryError("no room on the card")

    with monkeypatch.context() as broken:
        broken.setattr(model._graph, "run", out_of_memory)
        (failed,) = model.execute([request_of([dict(row) for row in ragged_rows(served, 41, 3)])])
    assert failed.error.code == TritonError.INTERNAL
    assert "PyTorch failed: no room on the card" in failed.error.message
    (healed,) = model.execute([request_of([dict(row) for row in ragged_rows(served, 41, 3)])])
    assert healed.error is None


def test_a_worker_without_torch_says_what_to_install(
    worker: Any, version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(RuntimeError, match=r"torch is missing in Triton's Python worker.*KIND_CPU"):
        start(worker, version, SMALL)


def test_a_machine_without_a_card_never_falls_back_unseen(
    worker: Any, version: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "CARD", "cuda:{}")
    with pytest.raises((RuntimeError, AssertionError), match=r"(?i)cuda|nvidia"):
        start(worker, version, SMALL)
