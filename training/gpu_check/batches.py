"""Batches whose speed is measured: pairs of one length, and a ragged mix. Must not know models or clocks."""

from dataclasses import dataclass

import numpy as np

from training.export.worker.packed.batch import Row

LENGTHS = (64, 128, 256, 512)
RAGGED = "ragged"
RAGGED_MEAN, RAGGED_SPREAD = 96.0, 0.6
"""Of a lognormal: a context of some 40 tokens and item texts from a title to a synopsis."""


@dataclass(frozen=True, slots=True)
class Work:
    """A name for the lengths, and rows for one batch."""

    name: str
    rows: list[Row]

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [len(row["input_ids"]) for row in self.rows]


def batches(tokens: int, most_rows: int, max_tokens: int, vocabulary: int, segments: int = 2) -> list[Work]:
    """A batch of at most ``tokens`` tokens and ``most_rows`` rows for each length that the model reads, and a ragged
    one, seeded. A model with one segment has no embedding for a second."""
    draw = np.random.default_rng(0)
    made = []
    for length in [one for one in LENGTHS if one <= max_tokens]:
        count = max(1, min(most_rows, tokens // length))
        made.append(Work(str(length), [_row(draw, length, vocabulary, segments) for _ in range(count)]))
    ragged: list[int] = []
    while len(ragged) < most_rows:
        length = int(np.clip(draw.lognormal(np.log(RAGGED_MEAN), RAGGED_SPREAD), 8, max_tokens))
        if ragged and sum(ragged) + length > tokens:
            break
        ragged.append(length)
    ragged.sort(reverse=True)
    return [*made, Work(RAGGED, [_row(draw, length, vocabulary, segments) for length in ragged])]


def _row(draw: np.random.Generator, length: int, vocabulary: int, segments: int) -> Row:
    ids = draw.integers(5, vocabulary, length, dtype=np.int32)
    types = (np.arange(length) >= length // 2).astype(np.int32) if segments > 1 else np.zeros_like(ids)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types}
