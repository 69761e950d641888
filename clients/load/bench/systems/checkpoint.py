"""The shipped weights in the forms that the peers read: a Hugging Face folder in fp32, its ONNX graph, and that graph
dynamically quantised to int8, as their documentation does it. Must not know who reads it."""

import hashlib
import json
import shutil
import warnings
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch.export import Dim
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from gateway.encoding.bundle import TOKENIZER_FILE
from training.export.graph.export import OPSET, has_segments, longest_input
from training.release.repository.recover import GRAPH_FILE, recover_cross_encoder
from training.release.repository.version import ENCODING_FOLDER

FP32_GRAPH, INT8_GRAPH = "model.onnx", "model_quantized.onnx"
_MARK = "made_from"
_EXAMPLE_SHAPE = (3, 7)


def write_checkpoint(version_folder: Path, folder: Path) -> Path:
    """Writes the folder unless it holds these weights already; returns it. Raises TrainingError."""
    digest = hashlib.blake2b((version_folder / GRAPH_FILE).read_bytes(), digest_size=16).hexdigest()
    mark = folder / _MARK
    if mark.is_file() and mark.read_text() == digest:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    model = recover_cross_encoder(version_folder)
    model.save_pretrained(folder)
    _write_tokenizer(version_folder / ENCODING_FOLDER / TOKENIZER_FILE, model, folder)
    _write_graph(model, folder / FP32_GRAPH)
    quantize_dynamic(folder / FP32_GRAPH, folder / INT8_GRAPH, weight_type=QuantType.QInt8)
    mark.write_text(digest)
    return folder


def _write_tokenizer(tokenizer_file: Path, model: PreTrainedModel, folder: Path) -> None:
    """As any version of transformers reads it: no class that only a newer one knows."""
    shutil.copyfile(tokenizer_file, folder / TOKENIZER_FILE)
    padding = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_file)).convert_ids_to_tokens(
        model.config.pad_token_id or 0
    )
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": longest_input(model),
        "pad_token": padding,
        "model_input_names": _inputs(model),
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")


def _write_graph(model: PreTrainedModel, file: Path) -> None:
    """INT64 inputs [B, T] to ``logits`` [B, 1]: the names and types that optimum expects; every row of every layer."""
    names = _inputs(model)
    example = {name: torch.ones(_EXAMPLE_SHAPE, dtype=torch.int64) for name in names}
    axes = {0: Dim("batch", min=1, max=4096), 1: Dim("tokens", min=1, max=longest_input(model))}
    attention = model.config._attn_implementation
    model.set_attn_implementation("eager")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's notes on its own internals
        program = torch.onnx.export(
            _Logits(model),
            tuple(example.values()),
            dynamo=True,
            dynamic_shapes=(tuple(axes for _ in names),),
            input_names=names,
            output_names=["logits"],
            opset_version=OPSET,
            verbose=False,
        )
    model.set_attn_implementation(attention)
    if program is None:
        raise RuntimeError(f"torch made no graph of {type(model).__name__}")
    program.save(file)


class _Logits(torch.nn.Module):
    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        self.names = _inputs(model)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        logits_b1: torch.Tensor = self.model(**dict(zip(self.names, inputs, strict=True))).logits
        return logits_b1


def _inputs(model: PreTrainedModel) -> list[str]:
    return ["input_ids", "attention_mask", *(["token_type_ids"] if has_segments(model) else [])]
