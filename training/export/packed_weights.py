"""A transformers cross-encoder to the weights of the packed engine, in half precision, and its logits on a CPU. Knows
no Triton."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import PreTrainedModel

from gateway.domain.values import EncodedPair
from training.errors import TrainingError
from training.export.compare import Logits
from training.export.graph.export import has_segments, longest_input
from training.export.worker.packed.batch import Row
from training.export.worker.packed.encoder import HEADS, Architecture
from training.export.worker.packed.engine import Limits, Load, open_engine

HALF = {"fp16": torch.float16, "bf16": torch.bfloat16}
"""Precisions of the packed engine, by name."""
CPU_LOAD = Load(rows=8, tokens=512, graphs=False)
"""For golden pairs: what attention is left with on a CPU is slow in large batches."""


class NotPackable(TrainingError):
    """The model cannot be computed by the packed engine in that precision."""


def why_not_packable(model: PreTrainedModel) -> str:
    """Empty for a model that the packed engine computes."""
    try:
        Architecture.of(model.config.to_dict())
    except (KeyError, ValueError) as fault:
        return f"the packed engine does not compute {fault}"
    return "" if model.config.num_labels == 1 else f"the model has {model.config.num_labels} labels instead of 1"


def packed_weights(model: PreTrainedModel, precision: torch.dtype) -> dict[str, torch.Tensor]:
    """The parameters by name. The head and the layer norm before it stay in fp32: rounded there, logits would tie.

    Raises NotPackable when a weight has no finite form in ``precision``.
    """
    if fault := why_not_packable(model):
        raise NotPackable(fault, "serve the ONNX graph in fp32 or fp16")
    family = Architecture.of(model.config.to_dict()).family
    last = f"{family}.encoder.layer.{model.config.num_hidden_layers - 1}.output.LayerNorm"
    exact = tuple(f"{name}." for name in (last, *HEADS[family]))
    weights = {
        name: value.detach().to(torch.float32 if name.startswith(exact) else precision).contiguous()
        for name, value in model.state_dict().items()
        if value.is_floating_point()
    }
    broken = [name for name, value in weights.items() if not value.isfinite().all()]
    if broken:
        raise NotPackable(f"{broken[0]} is beyond the range of {precision}", "give --precision bf16, or fp32")
    return weights


def model_limits(model: PreTrainedModel) -> Limits:
    """What the worker checks before it runs the model; the same as the ONNX graph's metadata."""
    values = {"input_ids": model.config.vocab_size}
    if has_segments(model):
        values["token_type_ids"] = model.config.type_vocab_size
    return Limits(longest_input(model), values)


def write_packed_weights(model: PreTrainedModel, precision: torch.dtype, destination: Path) -> Path:
    """Writes a safetensors file. Returns ``destination``. Raises NotPackable."""
    limits = model_limits(model)
    document = json.dumps({"max_tokens": limits.max_tokens, "values": dict(limits.values)})
    save_file(packed_weights(model, precision), destination, {"format": "pt", "limits": document})
    return destination


def score_packed(folder: Path, pairs: Sequence[EncodedPair]) -> Logits:
    """Logits [n] of the packed engine on a CPU, from the weights and config.json of ``folder``, one pair at a time."""
    engine = open_engine(folder, "cpu", CPU_LOAD)
    return np.array([engine.score([row_of(pair)])[0, 0] for pair in pairs], np.float32)


def row_of(pair: EncodedPair) -> Row:
    """A pair as the engine takes it."""
    ids = np.array(pair.token_ids, np.int32)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.array(pair.type_ids, np.int32)}
