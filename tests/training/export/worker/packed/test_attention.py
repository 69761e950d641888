"""Attention over packed rows, and that Flash Attention is asked for it as its signature demands."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from tests.training.export.worker.packed.conftest import tiny_model
from training.export.packed_weights import packed_weights
from training.export.worker.packed import attention
from training.export.worker.packed.attention import Span, attend, can_flash
from training.export.worker.packed.encoder import Architecture, Encoder

HALF, CARD, CPU, UNSTORED = torch.float16, torch.device("cuda"), torch.device("cpu"), torch.device("meta")


def span(*lengths: int) -> Span:
    bounds = torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32)
    return Span(bounds, max(lengths))


def random_heads(seed: int, tokens: int) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(seed)
    return tuple(torch.randn(tokens, 2, 8) for _ in range(3))


def test_a_row_sees_its_own_keys_only() -> None:
    query, key, value = random_heads(1, 9)
    rows = span(4, 0, 5)
    block = torch.block_diag(torch.ones(4, 4), torch.ones(5, 5)).bool()
    queries, keys, values = (one.transpose(0, 1)[None] for one in (query, key, value))
    expected = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=block)[0].transpose(0, 1)
    torch.testing.assert_close(attend(query, key, value, rows, rows), expected, atol=1e-6, rtol=0)


def test_one_query_for_each_row() -> None:
    query, key, value = random_heads(2, 9)
    rows = span(4, 5)
    whole = attend(query, key, value, rows, rows)
    firsts = attend(query[[0, 4]], key, value, span(1, 1), rows)
    torch.testing.assert_close(firsts, whole[[0, 4]], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("device", "precision", "width", "can"),
    [
        (CARD, HALF, 32, True),
        (CARD, torch.bfloat16, 64, True),
        (CARD, torch.float32, 32, False),
        (CARD, HALF, 12, False),
        (CPU, HALF, 32, False),
    ],
)
def test_flash_attention_is_for_cards_and_half_precision(
    device: torch.device, precision: torch.dtype, width: int, can: bool
) -> None:
    assert can_flash(device, precision, width) is can


def test_without_variable_length_attention_in_torch_rows_are_computed_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attention, "VARLEN", None)
    assert not can_flash(CARD, HALF, 32)
    query, key, value = random_heads(3, 6)
    assert attend(query, key, value, span(6), span(6)).shape == query.shape


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What torch's own variable-length attention is called with, as if on a card; tensors without storage suffice."""
    calls: list[tuple[Any, ...]] = []
    real = attention.VARLEN
    assert real is not None, "this torch should have torch.nn.attention.varlen"

    def observe(*arguments: Any) -> Any:
        calls.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(attention, "VARLEN", observe)
    monkeypatch.setattr(attention, "can_flash", lambda *_: True)
    return calls


def unstored_encoder() -> Encoder:
    """With weights that have shapes only."""
    model = tiny_model("bert", layers=2)
    weights = {name: value.to(UNSTORED) for name, value in packed_weights(model, HALF).items()}
    return Encoder(weights, Architecture.of(model.config.to_dict()))


def unstored_batch(tokens: int, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
    sizes = ((3, tokens), (rows + 1,))
    first, second = (torch.zeros(size, dtype=torch.int32, device=UNSTORED) for size in sizes)
    return first, second


def test_torch_is_asked_for_all_tokens_and_in_the_last_layer_for_first_ones(asked: list[tuple[Any, ...]]) -> None:
    tokens_3t, bounds_r1 = unstored_batch(tokens=40, rows=5)
    logits = unstored_encoder().forward(tokens_3t, bounds_r1, 20)
    assert (logits.shape, logits.dtype) == ((5,), torch.float32)
    every, firsts = asked
    assert [tuple(one.shape) for one in every[:5]] == [(40, 4, 8)] * 3 + [(6,)] * 2
    assert [tuple(one.shape) for one in firsts[:5]] == [(5, 4, 8), (40, 4, 8), (40, 4, 8), (6,), (6,)]
    assert [one.dtype for one in every[:5]] == [HALF] * 3 + [torch.int32] * 2
    assert all(one.stride(-1) == 1 for call in asked for one in call[:3]), "Flash Attention refuses other strides"
    assert (every[5:], firsts[5:]) == ((20, 20), (1, 20))


def test_the_model_compiles_as_one_graph_for_all_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "can_flash", lambda *_: True)
    graphs: list[object] = []

    def note(graph: torch.fx.GraphModule, _: object) -> Any:
        graphs.append(graph)
        return graph.forward

    with torch.inference_mode():
        compiled = torch.compile(unstored_encoder().forward, dynamic=True, fullgraph=True, backend=note)
        for tokens, rows in ((40, 5), (64, 9), (300, 33), (7, 3)):
            assert compiled(*unstored_batch(tokens, rows), tokens // 2).shape == (rows,)
    assert len(graphs) == 1
