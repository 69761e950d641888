"""The stored form of int8 weights: what quantisation writes and recovery reads back. Knows no operators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

QUANTIZED = ".quantized"
SCALE = ".scale"
ZERO = ".zero"
OFFSET = ".offset"
OUTLIERS = ".outliers"
"""Suffixes of the initializers that replace the one of a weight; ``.outliers`` in graphs of earlier releases only."""

COPIED_ROWS = "copied_rows"
"""Metadata key: JSON object, weight → how many copies of rows stand behind its own."""

OUTLIER_ROWS = "outlier_rows"
"""Metadata key of earlier releases: JSON object, weight → rows that are 0 in it and stand in its ``.outliers``."""

_LARGEST = 127
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix in int8: value = stored · scale, scale per column [N] or per row [V, 1]. The last ``copied_rows`` rows
    repeat others."""

    values: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float32]
    copied_rows: int = 0

    def dequantized(self) -> npt.NDArray[np.float32]:
        """The matrix that the stored numbers stand for, fp32, without copies."""
        rows = len(self.values) - self.copied_rows
        return self.values[:rows].astype(np.float32) * self.scale


def quantize_columns(weight_kn: npt.NDArray[np.float32], copies_e: npt.NDArray[np.int64]) -> Quantized:
    """One scale per column (output); rows ``copies_e`` are there a second time, behind the others: [K + E, N]."""
    stored, scale_n = _rounded(weight_kn, axis=0)
    return Quantized(np.concatenate([stored, stored[copies_e]]), scale_n.reshape(-1), len(copies_e))


def quantize_rows(table_vh: npt.NDArray[np.float32]) -> Quantized:
    """One scale per row (token)."""
    stored, scale_v1 = _rounded(table_vh, axis=1)
    return Quantized(stored, scale_v1)


def read_weights(
    initializers: Mapping[str, Array], copied_rows: Mapping[str, int], outlier_rows: Mapping[str, Sequence[int]]
) -> dict[str, Array]:
    """Initializers under the names of the fp32 graph, int8 ones dequantised. ``outlier_rows``: of earlier releases."""
    weights = {}
    for name, value in initializers.items():
        if name.endswith(QUANTIZED):
            base = name.removesuffix(QUANTIZED)
            whole = value.copy()
            if base in outlier_rows:
                whole[np.array(outlier_rows[base], np.int64)] = initializers[base + OUTLIERS]
            weights[base] = Quantized(whole, initializers[base + SCALE], copied_rows.get(base, 0)).dequantized()
        elif not name.endswith((SCALE, OUTLIERS, ZERO, OFFSET)):
            weights[name] = value
    return weights


def _rounded(matrix: npt.NDArray[np.float32], axis: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    scale = np.abs(matrix).max(axis=axis, keepdims=True) / np.float32(_LARGEST)
    scale = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    return np.clip(np.rint(matrix / scale), -_LARGEST, _LARGEST).astype(np.int8), scale
