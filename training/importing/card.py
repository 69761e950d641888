"""The model card of an imported version: where it is from, what it reads, how exact the served form is. Text only."""

from dataclasses import dataclass

from gateway.encoding.spec import EncodingSpec
from training.importing.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Exactness:
    """How the served graph's logits compare with transformers' in fp32."""

    precision: str
    pairs: int
    last_layer: str
    """What it is computed for: ``first token``, or ``all tokens`` where the head pools them."""
    max_abs_dlogit: float
    relative_error: float
    """Root mean square of the differences, over the standard deviation of the logits."""
    packed: bool = False
    """Whether instances on GPUs compute with packed weights instead; the errors are then the larger of both."""


def write_card(checkpoint: Checkpoint, spec: EncodingSpec, exactness: Exactness) -> str:
    """The card's Markdown."""
    source, config = checkpoint.source, checkpoint.model.config
    fields = ", ".join(field.name for field in spec.item.fields)
    history = ", ".join(field.name for field in spec.context.history_fields)
    graph = "fp16" if exactness.precision == "bf16" else exactness.precision
    head = "one label"
    if checkpoint.folded_label is not None:
        head = f"two labels; the logit is that of label {checkpoint.folded_label} less the other's"
    return f"""\
# {spec.template}

An imported cross-encoder: not trained further, served as it is.

- Source: `{source.name}`, {f"revision `{source.revision}`" if source.revision else "a folder, without a revision"}.
- Licence: {checkpoint.licence or "its model card states none: find it before you serve or pass on this model"}.
- Weights: safetensors, SHA-256 `{checkpoint.weights_sha256}`.
- Architecture: {config.model_type}, {config.num_hidden_layers} layers of {config.hidden_size}; {head}.
- Item side: {fields}, at most {spec.item.max_tokens} tokens. Context side: the query as it is, then up to
  {spec.context.history_items} history items ({history}), at most {spec.context.max_tokens} tokens.
- Score: the sigmoid of the logit. The checkpoint's own output is {_own_output(checkpoint.activation)}.
- Graph: {graph}, its last layer computed for {exactness.last_layer}. On {exactness.pairs} pairs its
  logits differ from those of transformers in fp32 by {exactness.max_abs_dlogit:.2g} at most; the error is
  {exactness.relative_error:.2%} of their standard deviation.{_on_gpus(exactness)}
- Made by `crossrank import`; the pairs and their logits stand in `encoding/golden.json`.

## Limits

- It was trained elsewhere, for texts and a task that its own card describes. How well it ranks your items is not known
  until it is measured on them: `crossrank eval`.
"""


def _on_gpus(exactness: Exactness) -> str:
    if not exactness.packed:
        return ""
    return f"""
- On GPUs: computed without padding, with `packed.safetensors` in {exactness.precision}; the errors above are the larger
  of both."""


def _own_output(activation: str) -> str:
    return "that score" if activation == "Sigmoid" else "the logit itself, so the score is no calibrated probability"
