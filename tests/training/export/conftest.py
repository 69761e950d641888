"""Tiny seeded models and their graphs, made once per session."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, BertModel, PreTrainedModel

from training.export.graph.export import export_bi_encoder, export_cross_encoder
from training.export.int8.quantize import quantize

VOCABULARY, MAX_TOKENS = 1200, 48


@dataclass(frozen=True)
class Exported:
    """A transformers model and its graphs in fp32 and int8."""

    model: PreTrainedModel
    fp32: Path
    int8: Path


def tiny_config(**changes: Any) -> BertConfig:
    """Two layers of 32, one label."""
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": MAX_TOKENS,
        "num_labels": 1,
    }
    return BertConfig(**{**sizes, **changes})


def tiny_cross_encoder() -> PreTrainedModel:
    """Every parameter is random, so that none could be taken for another."""
    torch.manual_seed(7)
    return _shaken(BertForSequenceClassification(tiny_config()))


def _shaken(model: PreTrainedModel) -> PreTrainedModel:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.eval()
    return model


@pytest.fixture(scope="session")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A tiny cross-encoder."""
    folder, model = tmp_path_factory.mktemp("cross_encoder"), tiny_cross_encoder()
    fp32 = export_cross_encoder(model, folder / "fp32.onnx")
    return Exported(model, fp32, quantize(fp32, folder / "int8.onnx"))


@pytest.fixture(scope="session")
def bi_encoder(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A tiny bi-encoder."""
    torch.manual_seed(8)
    folder, model = tmp_path_factory.mktemp("bi_encoder"), _shaken(BertModel(tiny_config()))
    fp32 = export_bi_encoder(model, folder / "fp32.onnx")
    return Exported(model, fp32, quantize(fp32, folder / "int8.onnx"))
