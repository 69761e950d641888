"""The worker inside a real Triton: many callers at once, each with its own shape, and each gets its own answer."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from gateway.scoring.triton import pair_tensors
from tests.conftest import StartTriton, Tritons
from tests.model_repository.samples import BI_ENCODER, CROSS_ENCODER, sample_lists
from tests.training.export.backend import BROKEN_FROM, MAX_TOKENS, Array, checksum_graph, checksums
from tests.triton_control import with_key
from training.export.compare import score_graph
from training.export.int8.sample_texts import SAMPLE_TEXTS
from training.release.bi_encoder import embed, feeds
from training.release.repository.version import VersionContent, write_model_version

CHECKSUM = "checksum"


@pytest.fixture(scope="module")
def checksum_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one model whose every answer can be computed by hand."""
    source, repository = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("models")
    (source / "config.json").write_text("{}")
    graph = checksum_graph(source / "model.onnx")
    content = VersionContent(graph=graph, transformers_config=source / "config.json", card="# Checksums")
    write_model_version(repository, CHECKSUM, 1, content)
    return repository


@pytest.fixture
async def server(
    start_triton: StartTriton, tritons: Tritons, checksum_repository: Path
) -> AsyncIterator[InferenceServerClient]:
    triton = tritons[start_triton(checksum_repository)]
    client = with_key(InferenceServerClient(triton.url), triton.key_file)
    yield client
    await client.close()


@pytest.fixture
async def shipped(triton: str) -> AsyncIterator[InferenceServerClient]:
    client = InferenceServerClient(triton)
    yield client
    await client.close()


async def ask(client: InferenceServerClient, model: str, inputs: dict[str, Array], output: str = "logit") -> Array:
    """The output tensor; raises InferenceServerException."""
    tensors = []
    for name, array in inputs.items():
        tensor = InferInput(name, list(array.shape), "INT32")
        tensor.set_data_from_numpy(np.ascontiguousarray(array, dtype=np.int32))
        tensors.append(tensor)
    answer = await client.infer(model, tensors, timeout=60_000_000, client_timeout=60)
    result: Array = answer.as_numpy(output)
    return result


def random_inputs(draw: np.random.Generator) -> dict[str, Array]:
    pairs, tokens = int(draw.integers(1, 9)), int(draw.integers(1, MAX_TOKENS + 1))
    lengths = draw.integers(1, tokens + 1, (pairs, 1))
    return {
        "input_ids": draw.integers(0, BROKEN_FROM, (pairs, tokens), dtype=np.int32),
        "attention_mask": (np.arange(tokens) < lengths).astype(np.int32),
    }


async def statistics(client: InferenceServerClient, model: str) -> dict[str, int]:
    """What Triton counted so far: requests answered and calls of the worker."""
    answer: Any = await client.get_inference_statistics(model)
    (counted,) = answer.model_stats
    return {"answered": counted.inference_stats.success.count, "executed": counted.execution_count}


@pytest.mark.parametrize("seed", [1, 2])
async def test_each_of_many_callers_gets_its_own_scores(server: InferenceServerClient, seed: int) -> None:
    draw = np.random.default_rng(seed)
    requests = [random_inputs(draw) for _ in range(150)]
    before = await statistics(server, CHECKSUM)
    answers = await asyncio.gather(*(ask(server, CHECKSUM, inputs) for inputs in requests))
    for inputs, answer in zip(requests, answers, strict=True):
        np.testing.assert_array_equal(answer, checksums(**inputs), err_msg=f"seed {seed}")
    after = await statistics(server, CHECKSUM)
    assert after["answered"] - before["answered"] == len(requests)
    assert after["executed"] - before["executed"] < len(requests), "requests of different shapes never shared a batch"


async def test_a_bad_request_among_good_ones_fails_alone(server: InferenceServerClient) -> None:
    draw = np.random.default_rng(9)
    requests = [random_inputs(draw) for _ in range(60)]
    bad = {place: requests[place] for place in range(0, 60, 6)}
    for inputs in bad.values():
        inputs["attention_mask"][-1] = 0
    answers = await asyncio.gather(*(ask(server, CHECKSUM, inputs) for inputs in requests), return_exceptions=True)
    for place, (inputs, answer) in enumerate(zip(requests, answers, strict=True)):
        if place in bad:
            assert isinstance(answer, InferenceServerException)
            assert answer.status() == "StatusCode.INVALID_ARGUMENT"
            assert "has no token" in str(answer)
        else:
            assert not isinstance(answer, BaseException)
            np.testing.assert_array_equal(answer, checksums(**inputs))


async def test_segments_may_be_sent_to_a_model_without_them(server: InferenceServerClient) -> None:
    inputs = random_inputs(np.random.default_rng(3))
    answer = await ask(server, CHECKSUM, {**inputs, "token_type_ids": np.ones_like(inputs["input_ids"])})
    np.testing.assert_array_equal(answer, checksums(**inputs))


async def test_the_served_cross_encoder_answers_as_its_graph_in_any_mix(shipped: InferenceServerClient) -> None:
    draw = np.random.default_rng(5)
    pairs = [pair for one in sample_lists(2) for pair in one]
    expected = score_graph(CROSS_ENCODER / "model.onnx", pairs)
    order = draw.permutation(len(pairs))
    groups = np.split(order, np.sort(draw.choice(np.arange(1, len(order)), 12, replace=False)))
    answers = await asyncio.gather(
        *(ask(shipped, "cross_encoder", pair_tensors([pairs[place] for place in group])) for group in groups)
    )
    for group, answer in zip(groups, answers, strict=True):
        np.testing.assert_allclose(answer[:, 0], expected[group], atol=1e-5)


async def test_the_served_bi_encoder_answers_as_its_graph(shipped: InferenceServerClient) -> None:
    tokenizer = BI_ENCODER / "tokenizer.json"
    answers = await asyncio.gather(
        *(ask(shipped, "bi_encoder", feed, "embedding") for feed in feeds(tokenizer, SAMPLE_TEXTS))
    )
    expected = embed(BI_ENCODER / "model.onnx", tokenizer, SAMPLE_TEXTS)
    np.testing.assert_allclose(np.concatenate(answers), expected, atol=1e-5)
