"""Rows of known lengths, and lists of random ones."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One row."""

    token_ids: tuple[int, ...]
    type_ids: tuple[int, ...]


def row(length: int, token: int = 7) -> TokenRow:
    """`length` times the same token; the second half belongs to segment 1."""
    return TokenRow((token,) * length, (0,) * (length // 2) + (1,) * (length - length // 2))


def random_lists(seed: int, lists: int = 6, rows: int = 20) -> list[list[TokenRow]]:
    """Lists like those of users: rows of 4 to 40 random tokens."""
    source = random.Random(seed)
    return [[TokenRow(tokens, (0,) * len(tokens)) for tokens in _random_tokens(source, rows)] for _ in range(lists)]


def _random_tokens(source: random.Random, rows: int) -> list[tuple[int, ...]]:
    return [tuple(source.randint(1, 900) for _ in range(source.randint(4, 40))) for _ in range(rows)]
