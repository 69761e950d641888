"""Rows of known lengths, and lists of random ones."""

import random

from gateway.domain.values import EncodedPair


def row(length: int, token: int = 7) -> EncodedPair:
    """`length` times the same token; the second half belongs to segment 1."""
    types = (0,) * (length // 2) + (1,) * (length - length // 2)
    return EncodedPair((token,) * length, types, truncated=False)


def random_lists(seed: int, lists: int = 6, rows: int = 20) -> list[list[EncodedPair]]:
    """Lists like those of users: rows of 4 to 40 random tokens."""
    source = random.Random(seed)
    return [[_pair(tokens) for tokens in _random_tokens(source, rows)] for _ in range(lists)]


def _pair(tokens: tuple[int, ...]) -> EncodedPair:
    return EncodedPair(tokens, (0,) * len(tokens), truncated=False)


def _random_tokens(source: random.Random, rows: int) -> list[tuple[int, ...]]:
    return [tuple(source.randint(1, 900) for _ in range(source.randint(4, 40))) for _ in range(rows)]
