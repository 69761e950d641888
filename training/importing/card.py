"""The model card of an imported version: where it is from, what it reads, how exact the served form is: the
text stands in card.md.jinja."""

from dataclasses import dataclass

from gateway.encoding.spec import EncodingSpec
from training.importing.checkpoint import Checkpoint
from training.report_kit.markdown import render_markdown


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
    return render_markdown(
        "training.importing",
        "card.md.jinja",
        checkpoint=checkpoint,
        source=checkpoint.source,
        config=checkpoint.model.config,
        spec=spec,
        exactness=exactness,
    )
