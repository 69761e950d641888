"""Tiny seeded cross-encoders of each packed family, ragged rows, and what transformers says of them."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel

from training.export.packed_weights import model_limits, packed_weights
from training.export.worker.packed.batch import Array, Row
from training.export.worker.packed.encoder import Architecture, Encoder
from training.export.worker.packed.engine import Load, PackedEngine

WORDS, POSITIONS, PADDING = 200, 66, 1
FAMILIES = ("bert", "roberta", "xlm-roberta")
SMALL = Load(rows=64, tokens=512, graphs=False)


def tiny_model(family: str, *, layers: int = 3, seed: int = 5) -> PreTrainedModel:
    """Every parameter is random, so that none could be taken for another."""
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        family,
        vocab_size=WORDS,
        hidden_size=32,
        num_hidden_layers=layers,
        num_attention_heads=4,
        intermediate_size=48,
        max_position_embeddings=POSITIONS,
        type_vocab_size=2 if family == "bert" else 1,
        pad_token_id=0 if family == "bert" else PADDING,
        num_labels=1,
    )
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    model.eval()
    return model


def engine_of(model: PreTrainedModel, precision: torch.dtype = torch.float32, load: Load = SMALL) -> PackedEngine:
    """On the CPU."""
    encoder = Encoder(packed_weights(model, precision), Architecture.of(model.config.to_dict()))
    return PackedEngine(encoder, model_limits(model), torch.device("cpu"), load)


def ragged_rows(model: PreTrainedModel, seed: int, count: int) -> list[Row]:
    """Of random lengths, the shortest and the longest among them, each with segments where the family has them."""
    draw, limits = np.random.default_rng(seed), model_limits(model)
    lengths = [1, limits.max_tokens, *draw.integers(1, limits.max_tokens + 1, count - 2)]
    rows: list[Row] = []
    for length in draw.permutation(lengths):
        ids = draw.integers(3, WORDS, length, dtype=np.int32)
        row = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        if "token_type_ids" in limits.values:
            row["token_type_ids"] = (np.arange(length) >= draw.integers(0, length + 1)).astype(np.int32)
        rows.append(row)
    return rows


def transformers_logits(model: PreTrainedModel, rows: Sequence[Row]) -> Array:
    """In fp32, one row at a time: [R, 1]."""
    logits = []
    with torch.inference_mode():
        for row in rows:
            inputs = {name: torch.from_numpy(one)[None].long() for name, one in row.items()}
            logits.append(model(**inputs).logits.numpy()[0])
    return np.stack(logits)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    """One family after the other."""
    return tiny_model(request.param)
