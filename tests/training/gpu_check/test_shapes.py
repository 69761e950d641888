"""Shapes are those of the published models, and the operations of a pair are those that the engine computes."""

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from training.export.packed_weights import model_limits
from training.export.worker.packed.engine import Load
from training.gpu_check.exactness import build_engine
from training.gpu_check.shapes import SHAPES, TINY, build, flop

TINY_SHAPE = TINY["tiny"]


@pytest.mark.parametrize(
    ("name", "millions"),
    [("MiniLM-L6", 10.65), ("bge-reranker-base", 85.06), ("bge-reranker-large", 302.3)],  # of the layers
)
def test_the_layers_have_the_weights_of_the_published_models(name: str, millions: float) -> None:
    shape = SHAPES[name]
    width, inner = shape.hidden_size, shape.intermediate_size
    layer = 4 * (width + 1) * width + 2 * width * inner + inner + 5 * width
    assert shape.num_hidden_layers * layer / 1e6 == pytest.approx(millions, rel=0.003)


def test_a_model_reads_512_tokens_and_as_many_segments_as_its_family_tells_apart() -> None:
    with torch.device("meta"):
        limits = {name: model_limits(build(shape)) for name, shape in SHAPES.items()}
    assert {one.max_tokens for one in limits.values()} == {512}
    assert [one.values for one in limits.values()] == [
        {"input_ids": 30522, "token_type_ids": 2},
        {"input_ids": 250002},
        {"input_ids": 250002},
    ]


def test_a_pair_of_128_tokens_takes_minilm_about_as_long_as_was_reckoned() -> None:
    whole_last_layer = 2 * 10.65e6 * 128 + 4 * 128**2 * 384 * 6
    assert 0.8 * whole_last_layer < flop(SHAPES["MiniLM-L6"], 128) < whole_last_layer


@pytest.mark.parametrize("tokens", [5, 40])
def test_the_operations_are_those_that_torch_counts(tokens: int) -> None:
    engine = build_engine(build(TINY_SHAPE), torch.float32, torch.device("cpu"), Load(rows=1, tokens=64, graphs=False))
    ones = np.ones(tokens, np.int32)
    row = {"input_ids": ones, "attention_mask": ones, "token_type_ids": ones}
    # The fused attention of CPUs is not counted by torch; the one that is written out is.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        engine.score([row])
    head = 2 * TINY_SHAPE.hidden_size * (TINY_SHAPE.hidden_size + 1)
    assert flop(TINY_SHAPE, tokens) + head == pytest.approx(counter.get_total_flops(), rel=0.01)


def test_attention_makes_a_pair_of_twice_the_length_more_than_twice_as_dear() -> None:
    for name, shape in SHAPES.items():
        assert 2 * flop(shape, 256) < flop(shape, 512) < 4 * flop(shape, 256), name
    assert flop(SHAPES["bge-reranker-large"], 128) > 25 * flop(SHAPES["MiniLM-L6"], 128)


def test_random_weights_are_the_same_every_time_and_are_not_trained() -> None:
    one, other = build(TINY_SHAPE), build(TINY_SHAPE)
    for name, value in one.state_dict().items():
        assert torch.equal(value, other.state_dict()[name]), name
    assert not one.training, "dropout would make the speed that of training"
