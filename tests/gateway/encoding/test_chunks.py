"""Chunks hold every pair once, of similar length, within the token volume."""

import random

import pytest

from gateway.domain.values import EncodedPair
from gateway.encoding.chunks import chunk_by_tokens


def pair(length: int) -> EncodedPair:
    return EncodedPair((1,) * length, (0,) * length, truncated=False)


@pytest.mark.parametrize("seed", range(10))
def test_every_pair_is_in_exactly_one_chunk_and_no_chunk_exceeds_its_bounds(seed: int) -> None:
    draw = random.Random(seed)
    pairs = [pair(draw.randint(1, 120)) for _ in range(draw.randint(0, 200))]
    chunks = chunk_by_tokens(pairs, max_tokens=512, max_pairs=16)
    assert sorted(position for chunk in chunks for position in chunk) == list(range(len(pairs))), f"seed {seed}"
    for chunk in chunks:
        longest = max(len(pairs[position].token_ids) for position in chunk)
        assert len(chunk) <= 16
        assert longest * len(chunk) <= 512, f"seed {seed}"


def test_a_pair_longer_than_the_volume_travels_alone() -> None:
    assert chunk_by_tokens([pair(10), pair(900)], max_tokens=100, max_pairs=8) == [[0], [1]]


def test_pairs_of_equal_length_keep_their_order() -> None:
    assert chunk_by_tokens([pair(5)] * 6, max_tokens=10, max_pairs=8) == [[0, 1], [2, 3], [4, 5]]
