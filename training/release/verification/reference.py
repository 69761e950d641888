"""The reference: `transformers` in fp32, its own tokenizer, one pair at a time, no padding. Knows no server."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerFast

from gateway.domain.progress import Advance
from gateway.encoding.golden import GoldenPair
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import ContextFields, render_item
from training.export.graph.export import export_cross_encoder
from training.release.repository.recover import recover_cross_encoder

Logits = npt.NDArray[np.float32]


def trained_model(checkpoint: Path) -> PreTrainedModel:
    """A trained cross-encoder in eval mode: safetensors of this machine, and no code of theirs is run."""
    model: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained(
        checkpoint, trust_remote_code=False, use_safetensors=True, local_files_only=True
    )
    model.eval()
    return model


def fp32_model(version: Path, checkpoint: Path | None) -> PreTrainedModel:
    """The trained checkpoint, else the model of the version's own weights."""
    return recover_cross_encoder(version) if checkpoint is None else trained_model(checkpoint)


def fp32_graph(model: PreTrainedModel) -> bytes:
    """The model as an ONNX graph in fp32."""
    with tempfile.TemporaryDirectory() as folder:
        return export_cross_encoder(model, Path(folder) / "fp32.onnx").read_bytes()


class Reference:
    """A sequence-classification model and the tokenizer file of its version."""

    def __init__(self, model: PreTrainedModel, tokenizer_file: Path, encoder: PairEncoder) -> None:
        self._model = model.float().eval()
        self._tokenizer = PreTrainedTokenizerFast(
            tokenizer_file=str(tokenizer_file), pad_token="[PAD]", split_special_tokens=True
        )
        self._encoder = encoder

    def score(self, context: str, items: Sequence[str], advance: Advance = lambda done: None) -> Logits:
        """Logits of the pairs (context, item), each computed alone. Only the item side is cut."""
        logits = []
        with torch.inference_mode():
            for item in items:
                inputs = self._encode(context, item)
                logits.append(self._model(**inputs).logits.item())
                advance(1)
        return np.array(logits, np.float32)

    def golden_logits(self, pairs: Sequence[GoldenPair]) -> Logits:
        """Of golden pairs, each computed alone."""
        logits = []
        for pair in pairs:
            context = self._encoder.encode_context(ContextFields(pair.query, pair.features, pair.history))
            logits.append(self.score(context.text, [render_item(self._encoder.spec.item, pair.item)]))
        return np.concatenate(logits)

    def _encode(self, context: str, item: str) -> dict[str, torch.Tensor]:
        context_tokens = len(self._tokenizer(context, add_special_tokens=False)["input_ids"])
        longest = context_tokens + self._encoder.spec.item.max_tokens + self._encoder.special_tokens
        # As lists of one: a text alone would take an empty item for no item at all.
        inputs = self._tokenizer(
            [context],
            [item],
            truncation="only_second",
            max_length=longest,
            return_token_type_ids=True,
            return_tensors="pt",
        )
        return {name: tensor for name, tensor in inputs.items() if self._takes(name)}

    def _takes(self, name: str) -> bool:
        return name != "token_type_ids" or getattr(self._model.config, "type_vocab_size", 0) > 1
