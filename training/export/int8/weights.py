"""The stored form of int8 weights: what quantisation writes and recovery reads back. Knows no operators."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

QUANTIZED = ".quantized"
SCALE = ".scale"
ZERO = ".zero"
"""Suffixes of the initializers that replace the one of a weight."""

SMOOTHED_ROWS = "smoothed_rows"
"""Metadata key: JSON object, weight → {row: factor that it was stored with}."""

_LARGEST = 127
Array = npt.NDArray[Any]
RowFactors = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Quantized:
    """A matrix in int8: value = stored · scale, scale per column [N] or per row [V, 1]."""

    values: npt.NDArray[np.int8]
    scale: npt.NDArray[np.float32]

    def dequantized(self) -> npt.NDArray[np.float32]:
        """The matrix that the stored numbers stand for, fp32."""
        return self.values.astype(np.float32) * self.scale


def quantize_columns(weight_kn: npt.NDArray[np.float32]) -> Quantized:
    """One scale per column (output)."""
    stored, scale_n = _rounded(weight_kn, axis=0)
    return Quantized(stored, scale_n.reshape(-1))


def quantize_rows(table_vh: npt.NDArray[np.float32]) -> Quantized:
    """One scale per row (token)."""
    stored, scale_v1 = _rounded(table_vh, axis=1)
    return Quantized(stored, scale_v1)


def read_weights(initializers: Mapping[str, Array], smoothed_rows: Mapping[str, RowFactors]) -> dict[str, Array]:
    """Initializers under the names of the fp32 graph; int8 ones dequantised, their rows' factors undone."""
    weights = {}
    for name, value in initializers.items():
        if name.endswith(QUANTIZED):
            base = name.removesuffix(QUANTIZED)
            weights[base] = Quantized(value, initializers[base + SCALE]).dequantized()
            for row, factor in smoothed_rows.get(base, {}).items():
                weights[base][int(row)] /= np.float32(factor)
        elif not name.endswith((SCALE, ZERO)):
            weights[name] = value
    return weights


def _rounded(matrix: npt.NDArray[np.float32], axis: int) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float32]]:
    scale = np.abs(matrix).max(axis=axis, keepdims=True) / np.float32(_LARGEST)
    scale = np.where(scale == 0, np.float32(1), scale).astype(np.float32)
    return np.clip(np.rint(matrix / scale), -_LARGEST, _LARGEST).astype(np.int8), scale
