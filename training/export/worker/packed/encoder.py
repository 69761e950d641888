"""BERT's and RoBERTa's cross-encoders over packed tokens. Must not know where weights come from, and imports nothing of
the project."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .attention import Span, attend

PREFIXES = {"bert": "bert", "roberta": "roberta", "xlm-roberta": "roberta"}
"""Families by ``model_type``, with the name of their encoder among the parameters."""
HEADS = {"bert": ("bert.pooler.dense", "classifier"), "roberta": ("classifier.dense", "classifier.out_proj")}
ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"gelu": functional.gelu, "relu": functional.relu}


@dataclass(frozen=True)
class Architecture:
    """What the weights do not say themselves. ``padding_id``: RoBERTa's family counts positions from behind it."""

    family: str
    heads: int
    layers: int
    epsilon: float
    activation: str
    padding_id: int | None

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Architecture":
        """From a transformers config.json. Raises ValueError for families and activations that are not known."""
        kind, activation = config.get("model_type"), config.get("hidden_act", "gelu")
        if kind not in PREFIXES or activation not in ACTIVATIONS:
            raise ValueError(f"{kind} with {activation}; known are {list(PREFIXES)} with {list(ACTIVATIONS)}")
        family = PREFIXES[str(kind)]
        return cls(
            family=family,
            heads=int(config["num_attention_heads"]),
            layers=int(config["num_hidden_layers"]),
            epsilon=float(config["layer_norm_eps"]),
            activation=activation,
            padding_id=int(config["pad_token_id"]) if family == "roberta" else None,
        )


class Affine(NamedTuple):
    """Of a linear layer or a layer norm."""

    weight: Tensor
    bias: Tensor


class Layer(NamedTuple):
    """One transformer layer; query, key and value are one product."""

    qkv: Affine
    attended: Affine
    first_norm: Affine
    up: Affine
    down: Affine
    second_norm: Affine


class Encoder:
    """Packed tokens to logits. The weights bear transformers' names, and their precision is that of the computation."""

    def __init__(self, weights: Mapping[str, Tensor], architecture: Architecture) -> None:
        def affine(name: str) -> Affine:
            return Affine(weights[f"{name}.weight"], weights[f"{name}.bias"])

        self.architecture = architecture
        root, embeddings = architecture.family, f"{architecture.family}.embeddings"
        names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
        self._tables = [weights[f"{embeddings}.{name}.weight"] for name in names]
        self._embedding_norm = affine(f"{embeddings}.LayerNorm")
        self._layers = [_layer(f"{root}.encoder.layer.{number}", affine) for number in range(architecture.layers)]
        self._dense, self._out = (affine(name) for name in HEADS[root])
        self._activation = ACTIVATIONS[architecture.activation]
        self.precision = self._layers[0].up.weight.dtype
        self.head_width = self._layers[0].up.weight.shape[1] // architecture.heads

    def forward(self, tokens_3t: Tensor, bounds_r1: Tensor, longest: int) -> Tensor:
        """Logits [R] in fp32 of ``PackedBatch``'s tensors. Tokens behind the last row are computed and never read."""
        embedded = [functional.embedding(ids_t, table) for ids_t, table in zip(tokens_3t, self._tables, strict=True)]
        states_th = self._norm(embedded[0] + embedded[2] + embedded[1], self._embedding_norm)
        rows = Span(bounds_r1, longest)
        for layer in self._layers[:-1]:
            query, key, value = self._heads(states_th, layer.qkv, 3)
            states_th = self._finish(layer, states_th, attend(query, key, value, rows, rows))
        # The head reads each row's first token, so the last layer asks for nothing else.
        layer, width = self._layers[-1], states_th.shape[1]
        firsts_rh = states_th.index_select(0, bounds_r1[:-1].clamp(max=states_th.shape[0] - 1))
        (query,) = self._heads(firsts_rh, Affine(*(one[:width] for one in layer.qkv)), 1)
        key, value = self._heads(states_th, Affine(*(one[width:] for one in layer.qkv)), 2)
        one_each = Span(torch.arange(bounds_r1.shape[0], dtype=torch.int32, device=bounds_r1.device), 1)
        firsts_rh = self._finish(layer, firsts_rh, attend(query, key, value, one_each, rows))
        pooled_rh = functional.linear(firsts_rh.to(self._dense.weight.dtype), *self._dense).tanh()
        return functional.linear(pooled_rh, *self._out)[:, 0].float()

    def _norm(self, states_xh: Tensor, norm: Affine) -> Tensor:
        wide = states_xh.to(norm.weight.dtype)
        return functional.layer_norm(wide, wide.shape[-1:], *norm, self.architecture.epsilon)

    def _heads(self, states_xh: Tensor, product: Affine, parts: int) -> tuple[Tensor, ...]:
        flat = functional.linear(states_xh, *product)
        heads: tuple[Tensor, ...] = flat.unflatten(1, (parts, self.architecture.heads, -1)).unbind(1)
        return heads

    def _finish(self, layer: Layer, states_xh: Tensor, attended_xnd: Tensor) -> Tensor:
        states_xh = self._norm(
            functional.linear(attended_xnd.flatten(1), *layer.attended) + states_xh, layer.first_norm
        )
        inner = self._activation(functional.linear(states_xh, *layer.up))
        return self._norm(functional.linear(inner, *layer.down) + states_xh, layer.second_norm)


def _layer(name: str, affine: Callable[[str], Affine]) -> Layer:
    parts = [affine(f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
    others = ("attention.output.dense", "attention.output.LayerNorm", "intermediate.dense", "output.dense")
    rest = [affine(f"{name}.{other}") for other in (*others, "output.LayerNorm")]
    return Layer(Affine(torch.cat([one.weight for one in parts]), torch.cat([one.bias for one in parts])), *rest)
