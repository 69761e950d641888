"""Rows of any lengths to one batch without padding. Must not know models, and imports nothing of the project."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Row = Mapping[str, Array]
"""``input_ids``, ``attention_mask`` and, where the family has segments, ``token_type_ids``: each [T]."""


@dataclass(frozen=True)
class PackedBatch:
    """INT32: ``tokens_3t`` has ids, positions and segments of all real tokens; row r has columns bounds[r] to
    bounds[r + 1]."""

    tokens_3t: Array
    bounds_r1: Array

    @property
    def tokens(self) -> int:
        """Of all rows."""
        return self.tokens_3t.shape[1]

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.bounds_r1) - 1

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return int(np.diff(self.bounds_r1).max())


def pack(rows: Sequence[Row], padding_id: int | None) -> PackedBatch:
    """Leaves out what the mask leaves out; every token keeps the position that it has in its row."""
    ids_t, mask_t = (np.concatenate([row[name] for row in rows]) for name in ("input_ids", "attention_mask"))
    starts_r = np.cumsum([0, *(len(row["input_ids"]) for row in rows[:-1])])
    lengths_r = np.diff(starts_r, append=len(ids_t))
    if padding_id is None:
        positions_t = np.arange(len(ids_t)) - np.repeat(starts_r, lengths_r)
    else:
        counted_t = np.cumsum(ids_t != padding_id)
        before_r = counted_t[starts_r] - (ids_t[starts_r] != padding_id)
        positions_t = (counted_t - np.repeat(before_r, lengths_r)) * (ids_t != padding_id) + padding_id
    has_segments = "token_type_ids" in rows[0]
    types_t = np.concatenate([row["token_type_ids"] for row in rows]) if has_segments else np.zeros_like(ids_t)
    real_t = mask_t != 0
    bounds_r1 = np.append(0, np.cumsum(np.add.reduceat(real_t, starts_r, dtype=np.int32)))
    tokens_3t = np.stack([ids_t, positions_t, types_t]).astype(np.int32)
    return PackedBatch(tokens_3t if real_t.all() else tokens_3t[:, real_t], bounds_r1.astype(np.int32))
