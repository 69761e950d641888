"""The models whose speed is measured, by shape, with random weights: speed does not depend on what the weights are.
Must not know devices or clocks."""

from collections.abc import Mapping
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PretrainedConfig, PreTrainedModel

_BGE: Mapping[str, Any] = {
    "model_type": "xlm-roberta",
    "vocab_size": 250002,
    "max_position_embeddings": 514,
    "type_vocab_size": 1,
    "num_labels": 1,
}
SHAPES: Mapping[str, PretrainedConfig] = {
    "MiniLM-L6": AutoConfig.for_model(
        "bert", num_hidden_layers=6, hidden_size=384, intermediate_size=1536, num_labels=1
    ),
    "bge-reranker-base": AutoConfig.for_model(**_BGE),
    "bge-reranker-large": AutoConfig.for_model(
        **_BGE, num_hidden_layers=24, hidden_size=1024, num_attention_heads=16, intermediate_size=4096
    ),
}
"""What is not said is as transformers has it: 12 heads; of a base model 12 layers of 768 with 3,072 inside."""
TINY: Mapping[str, PretrainedConfig] = {
    "tiny": AutoConfig.for_model(
        "bert",
        vocab_size=200,
        num_hidden_layers=2,
        hidden_size=32,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        num_labels=1,
    )
}
"""To try the program where there is no card; its speed says nothing."""


def build(shape: PretrainedConfig) -> PreTrainedModel:
    """With random weights, seeded, in fp32 on the CPU."""
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForSequenceClassification.from_config(shape)
    model.eval()
    return model


def flop(shape: PretrainedConfig, tokens: int) -> float:
    """Floating point operations that the packed engine needs for a pair: two for each weight and token, attention, and
    of the last layer only what the first token's state takes."""
    width = shape.hidden_size
    attention, inner = 4 * width**2, 2 * width * shape.intermediate_size
    whole = 2.0 * tokens * (attention + inner) + 4.0 * tokens**2 * width
    last = 2.0 * (tokens * attention / 2 + attention / 2 + inner) + 4.0 * tokens * width
    return float((shape.num_hidden_layers - 1) * whole + last)
