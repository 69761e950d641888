"""The stored form of int8 weights: what quantisation writes and recovery reads back. Knows no operators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

QUANTIZED = ".quantized"
SCALE = ".scale"
OUTLIERS = ".outliers"
ZERO = ".zero"
"""Suffixes of the initializers that replace the one of a weight."""

OUTLIER_ROWS = "outlier_rows"
"""Metadata key: JSON object, weight → rows that stand in its ``.outliers``."""

_LARGEST = 127
_NO_ROWS = np.zeros(0, np.int64)
Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix in int8: value = stored · scale, scale per column [N] or per row [V, 1].

    Rows in ``outlier_rows`` are zero in ``values`` and stand in ``outliers`` [rows, N], with the same scale.
    """

    values: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float32]
    outliers: npt.NDArray[np.int8]
    outlier_rows: npt.NDArray[np.int64]

    def dequantized(self) -> npt.NDArray[np.float32]:
        """The matrix that the stored numbers stand for, fp32."""
        whole = self.values.copy()
        whole[self.outlier_rows] = self.outliers
        return whole.astype(np.float32) * self.scale


def quantize_columns(weight_kn: npt.NDArray[np.float32], outlier_rows: npt.NDArray[np.int64]) -> Quantized:
    """One scale per column (output); ``outlier_rows`` are set apart."""
    stored, scale_n = _rounded(weight_kn, axis=0)
    outliers = stored[outlier_rows]
    stored[outlier_rows] = 0
    return Quantized(stored, scale_n.reshape(-1), outliers, outlier_rows)


def quantize_rows(table_vh: npt.NDArray[np.float32]) -> Quantized:
    """One scale per row (token)."""
    stored, scale_v1 = _rounded(table_vh, axis=1)
    return Quantized(stored, scale_v1, stored[:0], _NO_ROWS)


def read_weights(initializers: Mapping[str, Array], outlier_rows: Mapping[str, Sequence[int]]) -> dict[str, Array]:
    """Initializers under the names of the fp32 graph, int8 ones dequantised."""
    weights = {}
    for name, value in initializers.items():
        if name.endswith(QUANTIZED):
            base = name.removesuffix(QUANTIZED)
            rows = np.array(outlier_rows.get(base, ()), np.int64)
            outliers = initializers.get(base + OUTLIERS, value[:0])
            weights[base] = Quantized(value, initializers[base + SCALE], outliers, rows).dequantized()
        elif not name.endswith((SCALE, OUTLIERS, ZERO)):
            weights[name] = value
    return weights


def _rounded(matrix: npt.NDArray[np.float32], axis: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    scale = np.abs(matrix).max(axis=axis, keepdims=True) / np.float32(_LARGEST)
    scale = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    return np.clip(np.rint(matrix / scale), -_LARGEST, _LARGEST).astype(np.int8), scale
