"""The worker of Triton, outside Triton: rows find back to their requests, mistakes stay with theirs."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.export import backend
from tests.training.export.backend import (
    BROKEN_FROM,
    KNOWN_IDS,
    MAX_TOKENS,
    NAN_ID,
    Array,
    MetricFamily,
    Request,
    TritonError,
    checksums,
)
from training.release.repository.manifest import write_manifest
from training.release.repository.version import copy_worker

GOOD = np.array([[5, 6, 7]], np.int32)


@pytest.fixture
def worker() -> Iterator[Any]:
    with backend.worker_module() as module:
        yield module


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "1").mkdir()
    backend.checksum_graph(folder / "1" / "model.onnx")
    copy_worker(folder / "1")
    write_manifest(folder / "1")
    return folder


def start(worker: Any, repository: Path, kind: str = "CPU", **parameters: int) -> Any:
    """A model as Triton starts it."""
    config = {
        "instance_group": [{"count": 1}],
        "parameters": {name: {"string_value": str(value)} for name, value in parameters.items()},
    }
    model = worker.TritonPythonModel()
    model.initialize(
        {
            "model_config": json.dumps(config),
            "model_name": "checksum",
            "model_repository": str(repository),
            "model_version": "1",
            "model_instance_kind": kind,
            "model_instance_device_id": "0",
        }
    )
    return model


def request_of(ids: Array, mask: Array | None = None) -> Request:
    return Request({"input_ids": ids, "attention_mask": np.ones_like(ids) if mask is None else mask})


def random_request(draw: np.random.Generator) -> Request:
    pairs, longest = draw.integers(1, 17), int(draw.integers(1, MAX_TOKENS + 1))
    ids = draw.integers(0, BROKEN_FROM, (pairs, longest), dtype=np.int32)
    lengths = draw.integers(1, longest + 1, (pairs, 1))
    return request_of(ids, (np.arange(longest) < lengths).astype(np.int32))


def logits_of(response: Any) -> Array:
    assert response.error is None, response.error.message
    (tensor,) = response.output_tensors
    assert tensor.name == "logit"
    logits: Array = tensor.as_numpy()
    assert logits.dtype == np.float32
    return logits


def observed_runs(model: Any) -> list[int]:
    """Grows by the number of rows whenever the graph runs."""
    ran: list[int] = []
    compute = model._graph.score

    def score(rows: Sequence[Mapping[str, Array]]) -> Array:
        ran.append(len(rows))
        result: Array = compute(rows)
        return result

    model._graph.score = score
    return ran


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_every_score_belongs_to_its_pair(worker: Any, repository: Path, seed: int, workers: int) -> None:
    draw = np.random.default_rng(seed)
    model = start(worker, repository, workers=workers, micro_batch_rows=int(draw.integers(1, 9)), micro_batch_tokens=96)
    for _ in range(4):
        requests = [random_request(draw) for _ in range(int(draw.integers(1, 12)))]
        for request, response in zip(requests, model.execute(requests), strict=True):
            expected = checksums(request.inputs["input_ids"], request.inputs["attention_mask"])
            np.testing.assert_array_equal(logits_of(response), expected)
    model.finalize()


def test_a_swapped_row_would_be_seen(repository: Path) -> None:
    ids = np.array([[1, 2], [2, 1]], np.int32)
    assert checksums(ids, np.ones_like(ids))[0] != checksums(ids, np.ones_like(ids))[1]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"input_ids": GOOD}, "attention_mask is missing"),
        ({"input_ids": GOOD, "attention_mask": np.ones((1, 2), np.int32)}, "one common shape"),
        ({"input_ids": GOOD[0], "attention_mask": GOOD[0]}, "one common shape"),
        ({"input_ids": GOOD[:, :0], "attention_mask": GOOD[:, :0]}, "at least one pair and one token"),
        ({"input_ids": GOOD[:0], "attention_mask": GOOD[:0]}, "at least one pair and one token"),
        ({"input_ids": GOOD, "attention_mask": np.zeros_like(GOOD)}, "row 0 has no token"),
        ({"input_ids": GOOD, "attention_mask": GOOD}, "other than 0 and 1"),
        ({"input_ids": GOOD * 0 + KNOWN_IDS, "attention_mask": np.ones_like(GOOD)}, f"has {KNOWN_IDS}"),
        ({"input_ids": GOOD * -1, "attention_mask": np.ones_like(GOOD)}, "has -5"),
        (
            {name: np.ones((2, MAX_TOKENS + 1), np.int32) for name in ("input_ids", "attention_mask")},
            f"{MAX_TOKENS + 1} tokens; at most {MAX_TOKENS}",
        ),
    ],
)
def test_a_bad_request_is_told_why_and_harms_nobody(
    worker: Any, repository: Path, inputs: dict[str, Array], message: str
) -> None:
    model = start(worker, repository)
    before, bad, after = model.execute([request_of(GOOD), Request(inputs), request_of(GOOD + 1)])
    assert message in bad.error.message
    assert bad.error.code == TritonError.INVALID_ARG
    assert logits_of(before) == checksums(GOOD, np.ones_like(GOOD))
    assert logits_of(after) == checksums(GOOD + 1, np.ones_like(GOOD))


def test_garbage_in_the_padding_is_neither_read_nor_refused(worker: Any, repository: Path) -> None:
    ids = np.array([[5, 6, -9999, KNOWN_IDS * 9]], np.int32)
    mask = np.array([[1, 1, 0, 0]], np.int32)
    (response,) = start(worker, repository).execute([request_of(ids, mask)])
    assert logits_of(response) == 5 + 2 * 6


def test_a_gap_in_the_mask_is_kept(worker: Any, repository: Path) -> None:
    ids, mask = np.array([[5, 6, 7]], np.int32), np.array([[0, 1, 1]], np.int32)
    (response,) = start(worker, repository).execute([request_of(ids, mask)])
    assert logits_of(response) == 2 * 6 + 3 * 7


def test_not_a_number_passes_through_to_its_row_only(worker: Any, repository: Path) -> None:
    ids = np.array([[NAN_ID], [NAN_ID + 1]], np.int32)
    (response,) = start(worker, repository).execute([request_of(ids)])
    logits = logits_of(response)
    assert np.isnan(logits[0, 0])
    assert logits[1, 0] == NAN_ID + 1


def test_a_failing_graph_fails_the_requests_of_that_micro_batch_only(worker: Any, repository: Path) -> None:
    model = start(worker, repository, workers=1, micro_batch_rows=2)
    long, short = np.full((1, 9), 3, np.int32), np.array([[2]], np.int32)
    breaking = np.full((1, 9), BROKEN_FROM, np.int32)
    responses = model.execute([request_of(short), request_of(breaking), request_of(long), request_of(short)])
    assert [response.error is None for response in responses] == [True, False, False, True]
    assert responses[1].error.code == TritonError.INTERNAL
    assert "ONNX Runtime failed" in responses[1].error.message
    assert logits_of(responses[3]) == 2
    assert logits_of(model.execute([request_of(long)])[0]) == checksums(long, np.ones_like(long))


def test_a_cancelled_request_is_not_computed(worker: Any, repository: Path) -> None:
    model = start(worker, repository)
    ran = observed_runs(model)
    left, stayed = model.execute([Request(request_of(GOOD).inputs, cancelled=lambda: True), request_of(GOOD)])
    assert left.error.code == TritonError.CANCELLED
    assert logits_of(stayed) == checksums(GOOD, np.ones_like(GOOD))
    assert sum(ran) == 1


def test_a_request_cancelled_halfway_stops_when_next_asked(
    worker: Any, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = start(worker, repository, workers=1, micro_batch_rows=1)
    ran = observed_runs(model)
    monkeypatch.setattr(worker, "monotonic", lambda: 0.6 * worker.ASK_SECONDS * len(ran))
    (response,) = model.execute([Request(request_of(GOOD.T).inputs, cancelled=lambda: len(ran) > 0)])
    assert (response.error.code, len(ran)) == (TritonError.CANCELLED, 2)


def request_of_lengths(lengths: list[int]) -> Request:
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int32)
    return request_of(np.ones_like(mask), mask)


def counted(name: str, kind: str = "") -> float:
    """The worker's counter, of the model that ``start`` starts."""
    labels = (f"kind={kind}",) if kind else ()
    return MetricFamily.counted[(name, *labels, "model=checksum", "version=1")]


@pytest.mark.parametrize("seed", range(5))
def test_little_of_what_the_graph_computes_is_padding(worker: Any, repository: Path, seed: int) -> None:
    """A list of 60 with lengths as those of a context and descriptions."""
    draw = np.random.default_rng(seed)
    model = start(worker, repository, workers=1, micro_batch_rows=8)
    requests = [request_of_lengths(np.clip(15 + draw.lognormal(3, 0.5, 60), 3, MAX_TOKENS).astype(int).tolist())]
    model.execute(requests)
    real, padding = (counted("crossrank_worker_tokens_total", kind) for kind in ("real", "padding"))
    assert real == requests[0].inputs["attention_mask"].sum()
    assert padding <= 0.05 * (real + padding), f"seed {seed}"


def test_tokens_and_runs_are_counted_once_computed(worker: Any, repository: Path) -> None:
    model = start(worker, repository, workers=1, micro_batch_rows=2)
    names = "crossrank_worker_tokens_total", "crossrank_worker_micro_batches_total"
    assert [counted(names[0], "real"), counted(names[0], "padding"), counted(names[1])] == [0, 0, 0]
    model.execute([request_of_lengths([5, 4, 3, 3])])
    assert [counted(names[0], "real"), counted(names[0], "padding"), counted(names[1])] == [15, 1, 2]
    model.execute([Request(request_of(GOOD).inputs, cancelled=lambda: True), Request({})])
    model.execute([request_of(np.full((1, 9), BROKEN_FROM, np.int32))])
    assert [counted(names[0], "real"), counted(names[0], "padding"), counted(names[1])] == [15, 1, 2]


def test_no_open_request_makes_no_batch(worker: Any, repository: Path) -> None:
    model = start(worker, repository)
    assert model.execute([]) == []
    (response,) = model.execute([Request({})])
    assert response.error.code == TritonError.INVALID_ARG


def test_numpy_2_is_refused_with_the_remedy(worker: Any, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(np, "__version__", "2.1.0")
    with pytest.raises(backend.TritonModelException, match=r"numpy 2\.1\.0 .* install numpy 1\.26\.4"):
        start(worker, repository)


def test_a_gpu_instance_without_a_gpu_runtime_is_refused(
    worker: Any, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker.onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(backend.TritonModelException, match="onnxruntime-gpu"):
        start(worker, repository, kind="GPU")


def test_threads_follow_the_cores_and_the_instances(worker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "available_cores", lambda: 8)
    two_instances = {"instance_group": [{"count": 2}]}
    assert worker.Options.read(two_instances, on_gpu=False).workers == 4
    assert [worker.Options.read({"instance_group": [{"count": n}]}, on_gpu=False).workers for n in (3, 16)] == [3, 1]
    assert worker.Options.read(two_instances, on_gpu=True).workers == 1
    chosen = {**two_instances, "parameters": {"workers": {"string_value": "3"}}}
    assert worker.Options.read(chosen, on_gpu=False).workers == 3


@pytest.mark.parametrize(
    ("flags", "overflows"),
    [("fpu avx2", True), ("fpu avx512_vnni", False), ("fpu avx_vnni", False), (None, False)],
)
def test_processors_with_saturating_products_are_recognised(
    worker: Any, tmp_path: Path, flags: str | None, overflows: bool
) -> None:
    cpu_info = tmp_path / "cpuinfo"
    cpu_info.write_text("processor : 0\n" + (f"flags\t\t: {flags}\n" if flags else "Features : asimd\n"))
    assert worker.products_overflow(str(cpu_info)) is overflows
    assert worker.products_overflow(str(tmp_path / "none")) is False
