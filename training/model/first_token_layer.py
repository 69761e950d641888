"""The last layer of a cross-encoder, computed for the first token only, which is all that its head reads: exact, as in
the served graph (training/export/graph/first_token.py), and two layers train in three fifths of the time."""

from types import MethodType
from typing import Any

import torch
from transformers import (
    BertForSequenceClassification,
    PreTrainedModel,
    RobertaForSequenceClassification,
    XLMRobertaForSequenceClassification,
)
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bert.modeling_bert import eager_attention_forward

_FAMILIES = (BertForSequenceClassification, RobertaForSequenceClassification, XLMRobertaForSequenceClassification)
"""Their layers have the same parts, and their heads read the first token."""


def keep_first_row(model: PreTrainedModel) -> bool:
    """From now on the last layer answers [pairs, 1, width]. False, and nothing changed, for another family."""
    if not isinstance(model, _FAMILIES):
        return False
    encoder: Any = model.base_model.encoder
    layer = encoder.layer[-1]
    layer.forward = MethodType(_first_row, layer)
    return True


def _first_row(
    layer: Any, states_bth: torch.Tensor, attention_mask: torch.Tensor | None = None, *_: object, **__: object
) -> torch.Tensor:
    """``BertLayer.forward`` of an encoder with one query: keys and values of every token, the rest of the first."""
    attention = layer.attention.self
    first_b1h = states_bth[:, :1]
    if attention_mask is not None and attention_mask.ndim == 4:  # [pairs, heads, queries, keys]
        attention_mask = attention_mask[:, :, :1]
    attend = ALL_ATTENTION_FUNCTIONS.get_interface(attention.config._attn_implementation, eager_attention_forward)
    read_b1nd: torch.Tensor = attend(
        attention,
        _heads(attention, attention.query(first_b1h)),
        _heads(attention, attention.key(states_bth)),
        _heads(attention, attention.value(states_bth)),
        attention_mask,
        dropout=attention.dropout.p if layer.training else 0.0,
        scaling=attention.scaling,
    )[0]
    attended_b1h = layer.attention.output(read_b1nd.flatten(2), first_b1h)
    answer_b1h: torch.Tensor = layer.feed_forward_chunk(attended_b1h)
    return answer_b1h


def _heads(attention: Any, states_bth: torch.Tensor) -> torch.Tensor:
    """[pairs, heads, tokens, width of a head]."""
    pairs, tokens, _ = states_bth.shape
    return states_bth.view(pairs, tokens, -1, attention.attention_head_size).transpose(1, 2)
