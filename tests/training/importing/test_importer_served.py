"""A real Triton serves imported models with the logits of transformers, and the gateway's own check passes."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from tritonclient.grpc.aio import InferenceServerClient

from gateway.domain.budget import Budget
from gateway.encoding.bundle import open_bundle
from gateway.scoring.triton import Inference, TritonConnection, pair_tensors
from tests.training.importing.conftest import ImportedFamily


@pytest.mark.parametrize("name", ["bert", "xlm-roberta", "modernbert-mean"])
async def test_served_logits_are_those_of_transformers(
    families: Mapping[str, ImportedFamily], start_triton: Callable[[Path], str], name: str
) -> None:
    folder = families[name].imported.folder
    bundle = open_bundle(folder / "encoding")
    pairs = bundle.golden.encode(bundle.encoder)
    address = start_triton(folder.parents[1])
    connection, client = TritonConnection(address), InferenceServerClient(address)
    try:
        order = np.random.default_rng(8).permutation(len(pairs))
        answer = await connection.infer(
            Inference(
                model=name,
                version="1",
                inputs=pair_tensors([pairs[place] for place in order]),
                output="logit",
                budget=Budget(30.0),
            )
        )
        config = (await client.get_model_config(name)).config
    finally:
        await connection.close()
        await client.close()
    expected = np.array([bundle.golden.pairs[place].logit for place in order])
    np.testing.assert_allclose(answer[:, 0], expected, atol=1e-4)
    assert np.std(expected) > 0.01
    assert config.parameters["encoding_fingerprint"].string_value == bundle.fingerprint
