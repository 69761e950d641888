"""The models whose speed is measured, by shape, with random weights: speed does not depend on what the weights are.
Must not know devices or clocks."""

from dataclasses import dataclass

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedModel


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A cross-encoder's sizes."""

    name: str
    family: str
    layers: int
    width: int
    heads: int
    inner: int
    vocabulary: int
    max_tokens: int = 512

    @property
    def segments(self) -> int:
        """That the family tells apart."""
        return 2 if self.family == "bert" else 1

    def build(self) -> PreTrainedModel:
        """With random weights, seeded, in fp32 on the CPU."""
        torch.manual_seed(0)
        from_padding = 0 if self.family == "bert" else 2
        config = AutoConfig.for_model(
            self.family,
            vocab_size=self.vocabulary,
            hidden_size=self.width,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=self.inner,
            max_position_embeddings=self.max_tokens + from_padding,
            type_vocab_size=self.segments,
            pad_token_id=1 if from_padding else 0,
            num_labels=1,
        )
        model: PreTrainedModel = AutoModelForSequenceClassification.from_config(config)
        model.eval()
        return model

    def flop(self, tokens: int) -> float:
        """Floating point operations that the packed engine needs for a pair: two for each weight and token, attention,
        and of the last layer only what the first token's state takes."""
        attention, inner = 4 * self.width**2, 2 * self.width * self.inner
        whole = 2.0 * tokens * (attention + inner) + 4.0 * tokens**2 * self.width
        last = 2.0 * (tokens * attention / 2 + attention / 2 + inner) + 4.0 * tokens * self.width
        return (self.layers - 1) * whole + last


MINILM = Shape(name="MiniLM-L6", family="bert", layers=6, width=384, heads=12, inner=1536, vocabulary=30522)
BGE_BASE = Shape(
    name="bge-reranker-base", family="xlm-roberta", layers=12, width=768, heads=12, inner=3072, vocabulary=250002
)
BGE_LARGE = Shape(
    name="bge-reranker-large", family="xlm-roberta", layers=24, width=1024, heads=16, inner=4096, vocabulary=250002
)
SHAPES = (MINILM, BGE_BASE, BGE_LARGE)
TINY = Shape(name="tiny", family="bert", layers=2, width=32, heads=4, inner=64, vocabulary=200, max_tokens=64)
"""To try the program where there is no card; its speed says nothing."""
