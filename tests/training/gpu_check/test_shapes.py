"""Shapes are those of the published models, and the operations of a pair are those that the engine computes."""

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from training.export.worker.packed.engine import Load
from training.gpu_check.batches import RAGGED, batches
from training.gpu_check.exactness import build_engine
from training.gpu_check.shapes import BGE_BASE, BGE_LARGE, MINILM, TINY, Shape
from training.gpu_check.speed import QUICK


@pytest.mark.parametrize(
    ("shape", "millions"),
    [(MINILM, 10.65), (BGE_BASE, 85.06), (BGE_LARGE, 302.3)],  # of the layers; measured.md has MiniLM's
)
def test_the_layers_have_the_weights_of_the_published_models(shape: Shape, millions: float) -> None:
    layer = 4 * (shape.width + 1) * shape.width + 2 * shape.width * shape.inner + shape.inner + 5 * shape.width
    assert shape.layers * layer / 1e6 == pytest.approx(millions, rel=0.003)


def test_a_pair_of_128_tokens_takes_minilm_about_as_long_as_was_reckoned() -> None:
    whole_last_layer = 2 * 10.65e6 * 128 + 4 * 128**2 * 384 * 6
    assert 0.8 * whole_last_layer < MINILM.flop(128) < whole_last_layer


@pytest.mark.parametrize("tokens", [5, 40])
def test_the_operations_are_those_that_torch_counts(tokens: int) -> None:
    model = TINY.build()
    engine = build_engine(model, torch.float32, torch.device("cpu"), Load(rows=1, tokens=64, graphs=False))
    ones = np.ones(tokens, np.int32)
    row = {"input_ids": ones, "attention_mask": ones, "token_type_ids": ones}
    # The fused attention of CPUs is not counted by torch; the one that is written out is.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        engine.score([row])
    head = 2 * TINY.width * (TINY.width + 1)
    assert TINY.flop(tokens) + head == pytest.approx(counter.get_total_flops(), rel=0.01)


def test_batches_hold_what_was_allowed_and_are_the_same_every_time() -> None:
    made = batches(1024, 32, 512, 1000)
    assert [one.name for one in made] == ["64", "128", "256", "512", RAGGED]
    for work in made:
        assert sum(work.lengths) <= 1024
        assert 1 <= len(work.rows) <= 32
    assert [len(one.rows) for one in made[:4]] == [16, 8, 4, 2]
    ragged = made[-1].lengths
    assert len(set(ragged)) > 2
    assert ragged == sorted(ragged, reverse=True) == batches(1024, 32, 512, 1000)[-1].lengths


def test_lengths_beyond_the_model_are_left_out() -> None:
    (_, tokens, rows) = QUICK.loads[0]
    made = batches(tokens, rows, TINY.max_tokens, TINY.vocabulary)
    assert [one.name for one in made] == ["64", RAGGED]
    assert all(max(one.lengths) <= TINY.max_tokens for one in made)
