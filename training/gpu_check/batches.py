"""Batches whose speed is measured: pairs of one length, and a ragged mix. Must not know models or clocks."""

import numpy as np

from training.export.worker.packed.batch import Row
from training.export.worker.packed.engine import Limits

LENGTHS = (64, 128, 256, 512)
RAGGED = "ragged"
RAGGED_MEAN, RAGGED_SPREAD = 96.0, 0.6
"""Of a lognormal: a context of some 40 tokens and item texts from a title to a synopsis."""


def batches(tokens: int, most_rows: int, limits: Limits) -> dict[str, list[Row]]:
    """A batch of at most ``tokens`` tokens and ``most_rows`` rows for each length that the model reads, and a ragged
    one, seeded."""
    draw = np.random.default_rng(0)
    lengths = {
        str(length): [length] * max(1, min(most_rows, tokens // length))
        for length in LENGTHS
        if length <= limits.max_tokens
    }
    made = {name: [_row(draw, length, limits) for length in found] for name, found in lengths.items()}
    ragged = np.clip(draw.lognormal(np.log(RAGGED_MEAN), RAGGED_SPREAD, most_rows), 8, limits.max_tokens).astype(int)
    fitting = ragged[: max(1, int((ragged.cumsum() <= tokens).sum()))]
    return {**made, RAGGED: [_row(draw, length, limits) for length in sorted(fitting.tolist(), reverse=True)]}


def _row(draw: np.random.Generator, length: int, limits: Limits) -> Row:
    """A model with one segment has no embedding for a second."""
    ids = draw.integers(5, limits.values["input_ids"], length, dtype=np.int32)
    segments = limits.values.get("token_type_ids", 1)
    types = (np.arange(length) >= length // 2).astype(np.int32) if segments > 1 else np.zeros_like(ids)
    return {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": types}
