"""The fp32 model that a version is held against: the trained checkpoint, else the model of the version's own weights.
Knows no verdict."""

from dataclasses import dataclass
from pathlib import Path

import onnxruntime
from transformers import PreTrainedModel

from gateway.encoding.bundle import TOKENIZER_FILE
from training.export.compare import Logits
from training.export.session import open_session
from training.release.gate.version import OpenVersion
from training.release.verification.reference import Reference, fp32_graph, fp32_model


@dataclass(frozen=True, slots=True)
class Fp32:
    """``model`` in fp32 and the graph exported from it; lists are scored by the graph, which is much faster."""

    model: PreTrainedModel
    session: onnxruntime.InferenceSession

    def golden_logits(self, version: OpenVersion) -> Logits:
        """Of the version's golden pairs by transformers, one pair at a time."""
        reference = Reference(self.model, version.folder / "encoding" / TOKENIZER_FILE, version.bundle.encoder)
        return reference.golden_logits(version.bundle.golden.pairs)


def open_fp32(version: OpenVersion, checkpoint: Path | None) -> Fp32:
    """Raises TrainingError, OSError or ValueError when the weights cannot be read or exported."""
    model = fp32_model(version.folder, checkpoint)
    return Fp32(model, open_session(fp32_graph(model)))
