"""transformers models to ONNX graphs in fp32 with INT32 inputs and initializers named after the model's parameters.
Knows no quantisation and no Triton."""

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from torch.export import Dim
from transformers import PreTrainedModel

from training.errors import TrainingError
from training.export.graph.first_token import keep_first_row
from training.export.graph.parameter_names import name_initializers, name_output, set_metadata

OPSET, OPSET_OF_ROTARY = 23, 22
"""23 has an operator for attention. Its RotaryEmbedding asks ONNX Runtime for angles of each row of the batch, which
the exporter does not give."""
LOGIT = "logit"
EMBEDDING = "embedding"
LAST_LAYER = "last_layer"
"""Metadata key: what the last layer is computed for, ``first token`` or ``all tokens``."""
_EXAMPLE_SHAPE = (3, 7)


class ModelNotExportable(TrainingError):
    """The model cannot become a graph that we serve."""


class _CrossEncoder(torch.nn.Module):
    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> torch.Tensor:
        inputs = {"input_ids": input_ids.long(), "attention_mask": attention_mask.long()}
        if token_type_ids is not None:
            inputs["token_type_ids"] = token_type_ids.long()
        logit_b1: torch.Tensor = self.model(**inputs).logits
        return logit_b1.float()


class _BiEncoder(torch.nn.Module):
    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        states_bth = self.model(input_ids=input_ids.long(), attention_mask=attention_mask.long()).last_hidden_state
        mask_bt1 = attention_mask.unsqueeze(-1).to(states_bth.dtype)
        mean_bh = (states_bth * mask_bt1).sum(1) / mask_bt1.sum(1).clamp(min=1e-9)
        return torch.nn.functional.normalize(mean_bh.float(), dim=-1)


def export_cross_encoder(model: PreTrainedModel, destination: Path) -> Path:
    """Writes the graph pairs → ``logit`` [B, 1] of a sequence-classification model. Returns ``destination``.

    Inputs are INT32 [B, T]: ``input_ids``, ``attention_mask`` and, where the family has segments, ``token_type_ids``.
    Raises ModelNotExportable when the head has more than one label.
    """
    labels = model.config.num_labels
    if labels != 1:
        raise ModelNotExportable(f"the model has {labels} labels", "give a cross-encoder with num_labels=1")
    inputs = ["input_ids", "attention_mask"]
    if has_segments(model):
        inputs.append("token_type_ids")
    return _export(_CrossEncoder(model), inputs, LOGIT, destination)


def export_bi_encoder(model: PreTrainedModel, destination: Path) -> Path:
    """Writes the graph texts → ``embedding`` [B, H]: masked mean of the last states, unit length. Segments are 0."""
    return _export(_BiEncoder(model), ["input_ids", "attention_mask"], EMBEDDING, destination)


def has_segments(model: PreTrainedModel) -> bool:
    """Whether the family tells the two texts of a pair apart by segment ids."""
    takes = "token_type_ids" in inspect.signature(model.forward).parameters
    return takes and getattr(model.config, "type_vocab_size", 0) > 1


def longest_input(model: PreTrainedModel) -> int:
    """Most tokens of an input. RoBERTa's family starts to count positions behind the padding id."""
    positions: int = model.config.max_position_embeddings
    embeddings = getattr(model.base_model, "embeddings", None)
    padding = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
    return positions if padding is None else positions - padding - 1


def _export(module: _CrossEncoder | _BiEncoder, inputs: list[str], output: str, destination: Path) -> Path:
    model = module.model
    example = torch.ones(_EXAMPLE_SHAPE, dtype=torch.int32)
    axes = {0: Dim("batch", min=1, max=4096), 1: Dim("tokens", min=1, max=longest_input(model))}
    rotary = any("rotary" in name for name, _ in model.named_modules())
    with _traceable(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's notes on its own internals
        program = torch.onnx.export(
            module.eval(),
            tuple(example.clone() for _ in inputs),
            dynamo=True,
            dynamic_shapes=tuple(axes for _ in inputs),
            input_names=inputs,
            output_names=["graph_output"],
            opset_version=OPSET_OF_ROTARY if rotary else OPSET,
            verbose=False,
        )
    if program is None:
        raise ModelNotExportable(f"torch made no graph of {type(model).__name__}", "try another model family")
    graph = program.model_proto
    _strip_traces(graph)
    name_output(graph, output)
    set_metadata(graph, LAST_LAYER, "first token" if keep_first_row(graph) else "all tokens")
    for limit, value in _limits(model, inputs).items():
        set_metadata(graph, limit, value)
    name_initializers(graph, {name: value.numpy(force=True) for name, value in model.state_dict().items()})
    onnx.save(graph, destination)
    return destination


def _limits(model: PreTrainedModel, inputs: list[str]) -> dict[str, int]:
    """What the serving worker checks before it runs the graph."""
    limits = {"max_tokens": longest_input(model), "input_ids.values": model.config.vocab_size}
    if "token_type_ids" in inputs:
        limits["token_type_ids.values"] = model.config.type_vocab_size
    return limits


def _strip_traces(graph: onnx.ModelProto) -> None:
    """Drops the exporter's notes: half a megabyte of stack traces with paths of this machine."""
    del graph.metadata_props[:], graph.graph.metadata_props[:]
    for node in graph.graph.node:
        del node.metadata_props[:]
    for info in [*graph.graph.input, *graph.graph.output, *graph.graph.value_info]:
        del info.metadata_props[:]


@contextmanager
def _traceable(model: PreTrainedModel) -> Iterator[None]:
    """fp32, no dropout, and the attention written out: its graph is smaller than that of the fused form."""
    was_training, attention = model.training, model.config._attn_implementation
    model.float().eval()
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(attention)
        model.train(was_training)
