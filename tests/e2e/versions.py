"""A model repository with tiny cross-encoders: a champion, its identical successor, and one whose weights are noisy."""

import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import torch
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

from deploy.local.parts.triton import PROJECT_REPOSITORY
from gateway.encoding.bundle import SPEC_FILE, TOKENIZER_FILE, open_bundle, write_bundle
from gateway.encoding.golden import GoldenSet
from gateway.encoding.spec import read_spec
from tests.fakes.specs import small_bundle
from training.export.compare import score_graph
from training.export.graph.export import export_cross_encoder
from training.release.repository.version import VersionContent, write_model_version

SEED = 5
CHAMPION, IDENTICAL, NOISY = ("cross_encoder", 1), ("cross_encoder", 2), ("noisy_encoder", 1)


def write_repository(folder: Path, scratch: Path) -> Path:
    """Writes the three, and the project's bi-encoder, into ``folder``."""
    copytree(PROJECT_REPOSITORY / "bi_encoder", folder / "bi_encoder")
    for (name, version), noise in ((CHAMPION, 0.0), (IDENTICAL, 0.0), (NOISY, 0.05)):
        _write_version(folder, name, version, _tiny_model(noise), scratch / f"{name}-{version}")
    return folder


def _tiny_model(noise: float) -> PreTrainedModel:
    torch.manual_seed(SEED)
    sizes: dict[str, Any] = {"vocab_size": 200, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(**{**sizes, "intermediate_size": 64, "max_position_embeddings": 64, "num_labels": 1})
    model: PreTrainedModel = BertForSequenceClassification(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * noise)
    return model


def _write_version(repository: Path, name: str, version: int, model: PreTrainedModel, scratch: Path) -> None:
    """A version whose golden logits are its own."""
    invented = small_bundle(scratch)
    graph = export_cross_encoder(model, scratch / "model.onnx")
    logits = score_graph(graph, invented.golden.encode(invented.encoder)).tolist()
    pairs = tuple(replace(pair, logit=logit) for pair, logit in zip(invented.golden.pairs, logits, strict=True))
    source, encoding = scratch / "encoding", scratch / "own"
    bundle = write_bundle(encoding, read_spec(source / SPEC_FILE), source / TOKENIZER_FILE, GoldenSet(1e-3, pairs))
    (scratch / "config.json").write_text(json.dumps(model.config.to_dict()))
    content = VersionContent(
        graph=graph,
        transformers_config=scratch / "config.json",
        card="# Tiny\n",
        encoding=encoding,
        encoding_fingerprint=bundle.fingerprint,
    )
    write_model_version(repository, name, version, content)
    assert open_bundle(repository / name / str(version) / "encoding").fingerprint == bundle.fingerprint
