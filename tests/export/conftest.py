"""Tiny seeded models and their graphs, made once per session."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

from training.export.graph import export_bi_encoder, export_cross_encoder
from training.export.quantize import quantize

VOCABULARY, MAX_TOKENS = 1200, 48


@dataclass(frozen=True)
class Exported:
    """A transformers model and its graphs in fp32 and int8."""

    model: PreTrainedModel
    fp32: Path
    int8: Path


def tiny_bert(seed: int = 7) -> PreTrainedModel:
    """Two layers; every parameter random, so that none could be taken for another."""
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=MAX_TOKENS,
        num_labels=1,
    )
    model = BertForSequenceClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    model.eval()
    return model


@pytest.fixture(scope="session")
def cross_encoder(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A tiny cross-encoder."""
    folder, model = tmp_path_factory.mktemp("cross_encoder"), tiny_bert()
    fp32 = export_cross_encoder(model, folder / "fp32.onnx")
    return Exported(model, fp32, quantize(fp32, folder / "int8.onnx"))


@pytest.fixture(scope="session")
def bi_encoder(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A tiny bi-encoder."""
    folder, model = tmp_path_factory.mktemp("bi_encoder"), tiny_bert(seed=8).base_model
    fp32 = export_bi_encoder(model, folder / "fp32.onnx")
    return Exported(model, fp32, quantize(fp32, folder / "int8.onnx"))
