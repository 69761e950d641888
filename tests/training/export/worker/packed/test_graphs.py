"""Graphs of fixed sizes: the same logits from padded tensors, and sizes that waste little. Recording itself needs a
card: here the computation is repeated in its place, over the same tensors."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from tests.training.export.worker.packed.conftest import SMALL, engine_of, ragged_rows, tiny_model, transformers_logits
from training.export.worker.packed import engine as engine_module
from training.export.worker.packed.batch import Row
from training.export.worker.packed.engine import Load, PackedEngine
from training.export.worker.packed.graphs import GRAPH_TOKENS, Size, StaticBatch, graph_sizes


def repeated(compute: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """In place of a recording."""
    return compute


@pytest.fixture
def graphed(model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> PackedEngine:
    """An engine that believes to be on a card, with graphs of up to 512 tokens."""
    monkeypatch.setattr(engine_module, "can_flash", lambda *_: True)
    monkeypatch.setattr(engine_module, "cuda_recorder", lambda: repeated)
    monkeypatch.setattr("training.export.worker.packed.graphs.GRAPH_TOKENS", (64, 256, 512))
    return engine_of(model, load=Load(rows=24, tokens=512))


def observed_sizes(engine: PackedEngine, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows by the number of computed tokens whenever the model runs without a graph."""
    ran: list[int] = []
    forward = engine._forward

    def observe(tokens_3t: Tensor, bounds_r1: Tensor, longest: int) -> Tensor:
        ran.append(tokens_3t.shape[1])
        return forward(tokens_3t, bounds_r1, longest)

    monkeypatch.setattr(engine, "_forward", observe)
    return ran


@pytest.mark.parametrize("seed", range(3))
def test_what_stands_behind_a_batch_changes_nothing(
    model: PreTrainedModel, graphed: PackedEngine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    ran = observed_sizes(graphed, monkeypatch)
    for count in (3, 12, 2, 9):  # a smaller batch finds the rest of a larger one in the tensors
        rows = ragged_rows(model, seed + count, count)
        expected = transformers_logits(model, rows)
        np.testing.assert_allclose(graphed.score(rows), expected, atol=1e-5, err_msg=f"seed {seed}, {count} rows")
    assert ran == [], "all of these fit into a graph"


def test_a_batch_that_fits_no_graph_is_computed_without(
    model: PreTrainedModel, graphed: PackedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = observed_sizes(graphed, monkeypatch)
    rows = ragged_rows(model, 8, 40)
    np.testing.assert_allclose(graphed.score(rows), transformers_logits(model, rows), atol=1e-5)
    assert ran == [sum(len(row["input_ids"]) for row in rows)]


def test_a_full_graph_has_no_room_behind_its_last_row() -> None:
    model = tiny_model("bert")
    rows: list[Row] = [{**row} for row in ragged_rows(model, 1, 2)]
    tokens = sum(len(row["input_ids"]) for row in rows)
    engine = engine_of(model)
    static = StaticBatch(engine._forward, Size(tokens, tokens, 5), torch.device("cpu"), repeated)
    with engine.alone():
        logits = static.run(engine.pack(rows)).numpy()[:, None]
    np.testing.assert_allclose(logits, transformers_logits(model, rows), atol=1e-5)


def test_no_graph_is_recorded_where_flash_attention_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_module, "cuda_recorder", lambda: pytest.fail("recorded on a CPU"))
    engine_of(tiny_model("bert"), torch.float16, Load(rows=8, tokens=64, graphs=True))


@pytest.mark.parametrize("max_tokens", [48, 128, 512])
def test_sizes_waste_at_most_half_and_rise(max_tokens: int) -> None:
    sizes = graph_sizes(max_tokens, rows=256)
    assert sizes == sorted(set(sizes))
    assert {size.tokens for size in sizes} == set(GRAPH_TOKENS)
    assert all(later <= 1.5 * size for size, later in pairwise(GRAPH_TOKENS))
    assert all(size.rows <= min(256, size.tokens // 8) and size.longest <= size.tokens for size in sizes)
    assert max(size.longest for size in sizes if size.tokens == 1024) == max_tokens


def test_the_first_size_that_fits_is_the_smallest_that_does() -> None:
    engine, model = engine_of(tiny_model("bert")), tiny_model("bert")
    batch = engine.pack(ragged_rows(model, 3, 10))
    sizes = graph_sizes(66, rows=64)
    first = next(size for size in sizes if size.fits(batch))
    assert first.tokens == min(tokens for tokens in GRAPH_TOKENS if tokens >= batch.tokens)
    assert not Size(batch.tokens - 1, 66, 64).fits(batch)
    assert not Size(batch.tokens, batch.longest - 1, 64).fits(batch)
    assert not Size(batch.tokens, 66, batch.rows - 1).fits(batch)
    assert SMALL.rows >= batch.rows
