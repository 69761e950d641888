"""The fp32 model that a version is held against: the trained checkpoint, else the model of the version's own weights.
Knows no verdict."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from gateway.encoding.bundle import TOKENIZER_FILE
from gateway.encoding.golden import GoldenPair
from gateway.encoding.render import ContextFields, render_item
from training.export.compare import Logits
from training.export.graph.export import export_cross_encoder
from training.export.session import open_session
from training.release.gate.version import OpenVersion
from training.release.repository.recover import recover_cross_encoder
from training.release.verification.reference import Reference


@dataclass(frozen=True, slots=True)
class Fp32:
    """``model`` in fp32 and the graph exported from it; lists are scored by the graph, which is much faster."""

    model: PreTrainedModel
    session: onnxruntime.InferenceSession

    def golden_logits(self, version: OpenVersion) -> Logits:
        """Of the version's golden pairs by transformers, one pair at a time."""
        encoder = version.bundle.encoder
        reference = Reference(self.model, version.folder / "encoding" / TOKENIZER_FILE, encoder)
        return np.concatenate([_score(reference, version, pair) for pair in version.bundle.golden.pairs])


def open_fp32(version: OpenVersion, checkpoint: Path | None) -> Fp32:
    """Raises TrainingError, OSError or ValueError when the weights cannot be read or exported."""
    model = recover_cross_encoder(version.folder) if checkpoint is None else _trained(checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        graph = export_cross_encoder(model, Path(folder) / "fp32.onnx").read_bytes()
    return Fp32(model, open_session(graph))


def _trained(checkpoint: Path) -> PreTrainedModel:
    model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, trust_remote_code=False, use_safetensors=True, local_files_only=True
    )
    return model


def _score(reference: Reference, version: OpenVersion, pair: GoldenPair) -> Logits:
    encoder = version.bundle.encoder
    context = encoder.encode_context(ContextFields(pair.query, pair.features, pair.history))
    items: Sequence[str] = [render_item(encoder.spec.item, pair.item)]
    return reference.score(context.text, items)
