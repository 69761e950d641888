"""Attention over rows that stand one behind the other. Must not know models, and imports nothing of the project."""

import importlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

FLASH_TYPES = (torch.float16, torch.bfloat16)


class Span(NamedTuple):
    """Where rows begin and end, INT32 [R + 1], and the length of the longest, or a bound of it."""

    bounds_r1: Tensor
    longest: int


def _flash_attention() -> Callable[..., Any] | None:
    try:
        found: Callable[..., Any] = importlib.import_module("torch.nn.attention.varlen").varlen_attn
    except (ImportError, AttributeError):  # torch before 2.10
        return None
    return found


VARLEN = _flash_attention()


def can_flash(device: torch.device, precision: torch.dtype, head_width: int) -> bool:
    """Whether Flash Attention takes such heads: on a card since Ampere, in half precision, of a width of 8 · n."""
    return VARLEN is not None and device.type == "cuda" and precision in FLASH_TYPES and head_width % 8 == 0


def attend(query_qnd: Tensor, key_tnd: Tensor, value_tnd: Tensor, queries: Span, keys: Span) -> Tensor:
    """[Q, heads, width]: every query attends to the keys of its own row. What belongs to no row has no meaning."""
    if VARLEN is None or not can_flash(query_qnd.device, query_qnd.dtype, query_qnd.shape[-1]):
        return attend_each(query_qnd, key_tnd, value_tnd, queries, keys)
    # Without a paged cache Flash Attention 2 never splits keys by what else is in the batch: num_splits is not needed.
    attended: Tensor = VARLEN(
        query_qnd, key_tnd, value_tnd, queries.bounds_r1, keys.bounds_r1, queries.longest, keys.longest
    )
    return attended


def attend_each(query_qnd: Tensor, key_tnd: Tensor, value_tnd: Tensor, queries: Span, keys: Span) -> Tensor:
    """The same, row by row, on any device and in any precision: exact and slow."""
    attended_qnd = torch.zeros_like(query_qnd)
    rows = zip(pairwise(queries.bounds_r1.tolist()), pairwise(keys.bounds_r1.tolist()), strict=True)
    for (first_query, last_query), (first_key, last_key) in rows:
        if first_query < last_query and first_key < last_key:
            heads = (query_qnd[first_query:last_query], key_tnd[first_key:last_key], value_tnd[first_key:last_key])
            query_nqd, key_nkd, value_nkd = (one.transpose(0, 1) for one in heads)
            one_nqd = functional.scaled_dot_product_attention(query_nqd[None], key_nkd[None], value_nkd[None])[0]
            attended_qnd[first_query:last_query] = one_nqd.transpose(0, 1)
    return attended_qnd
