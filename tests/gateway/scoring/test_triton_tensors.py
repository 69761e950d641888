"""Pairs become tensors row by row: nothing of a pair is lost, and nothing stands behind its end."""

import random

import numpy as np
import pytest

from gateway.domain.values import EncodedPair
from gateway.scoring.triton import pair_tensors


@pytest.mark.parametrize("seed", range(5))
def test_every_row_holds_its_pair_and_zeros_behind_it(seed: int) -> None:
    draw = random.Random(seed)
    lengths = [draw.randint(1, 12) for _ in range(draw.randint(1, 9))]
    pairs = [
        EncodedPair(tuple(draw.choices(range(30_000), k=size)), tuple(draw.choices((0, 1), k=size)), truncated=False)
        for size in lengths
    ]
    tensors = pair_tensors(pairs)
    assert list(tensors) == ["input_ids", "token_type_ids", "attention_mask"]
    longest = max(lengths)
    for row, pair in enumerate(pairs):
        rest = [0] * (longest - len(pair.token_ids))
        assert tensors["input_ids"][row].tolist() == [*pair.token_ids, *rest], f"seed {seed}"
        assert tensors["token_type_ids"][row].tolist() == [*pair.type_ids, *rest], f"seed {seed}"
        assert tensors["attention_mask"][row].tolist() == [1] * len(pair.token_ids) + rest, f"seed {seed}"
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.int32)}
    assert {tensor.shape for tensor in tensors.values()} == {(len(pairs), longest)}
