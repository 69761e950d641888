"""Versions with packed weights, as export writes them."""

from pathlib import Path

from transformers import PreTrainedModel

from training.export.graph.export import export_cross_encoder
from training.export.packed_weights import HALF, write_packed_weights
from training.release.repository.triton_config import ServingOptions
from training.release.repository.version import VersionContent, write_model_version


def write_packed_version(model: PreTrainedModel, work: Path, precision: str = "fp16") -> Path:
    """``work/models/ranker/1``, for GPUs."""
    config = work / "config.json"
    model.config.to_json_file(config, use_diff=False)
    content = VersionContent(
        graph=export_cross_encoder(model, work / "fp32.onnx"),
        transformers_config=config,
        card="# A model",
        packed=write_packed_weights(model, HALF[precision], work / "weights"),
    )
    return write_model_version(work / "models", "ranker", 1, content, ServingOptions.for_gpu())
