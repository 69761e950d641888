"""A graph on a running Triton for as long as a block lasts, under a name of its own; its files stay untouched."""

import random
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import numpy as np
from google.protobuf import json_format
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.grpc.model_config_pb2 import ModelConfig
from tritonclient.utils import InferenceServerException

from gateway.domain.budget import Budget
from gateway.domain.values import EncodedPair
from gateway.scoring.triton import Inference, TritonConnection, pair_tensors
from training.errors import TrainingError
from training.release.verification.reference import Logits

NAME = "cross_encoder_under_verification"
TIMEOUT_S = 30.0


class HostingRefused(TrainingError):
    """Triton does not load models on request."""


@asynccontextmanager
async def hosted(
    url: str, headers: Mapping[str, str], config: ModelConfig, files: Mapping[str, bytes]
) -> AsyncIterator[TritonConnection]:
    """Loads a model from memory (``files``: name inside the version folder → content) and unloads it at the end.
    ``headers``: what opens Triton's control.

    Source: Triton's model repository extension, load with ``config`` and ``file:`` parameters. Raises HostingRefused.
    """
    config.name = NAME
    client, connection = InferenceServerClient(url), TritonConnection(url)
    try:
        await client.load_model(
            NAME,
            config=json_format.MessageToJson(config, preserving_proto_field_name=True),
            headers=dict(headers),
            files={f"file:1/{name}": content for name, content in files.items()},
        )
        yield connection
    except InferenceServerException as fault:
        raise HostingRefused(
            f"Triton at {url} did not load a model: {fault.message()}",
            "start it with --model-control-mode=explicit",
        ) from fault
    finally:
        await _unload(client, headers)
        await connection.close()
        await client.close()


async def hosted_logits(connection: TritonConnection, pairs: Sequence[EncodedPair], seed: int) -> Logits:
    """Logits of the pairs, sent in a random order in requests of random sizes."""
    draw = random.Random(seed)
    order = list(range(len(pairs)))
    draw.shuffle(order)
    logits = np.full(len(pairs), np.nan, np.float32)
    while order:
        size = draw.choice((1, 3, 8, 16))
        chosen, order = order[:size], order[size:]
        answer = await connection.infer(
            Inference(
                model=NAME,
                version="",
                inputs=pair_tensors([pairs[position] for position in chosen]),
                output="logit",
                budget=Budget(TIMEOUT_S),
            )
        )
        logits[chosen] = answer[:, 0]
    return logits


async def _unload(client: InferenceServerClient, headers: Mapping[str, str]) -> None:
    try:
        await client.unload_model(NAME, headers=dict(headers))
    except InferenceServerException:
        return  # it was never loaded, or the server is gone
