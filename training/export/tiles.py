"""How a tensor with a few large columns becomes uint8 with one step for all tokens. Knows no graph."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.export.int8 import Quantized

ZERO_POINT = 128
_STEPS = 255
_BISECTIONS = 40
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tiling:
    """x ≈ (stored − 128) · step, stored in uint8, with saturation.

    A column that needs more than uint8's 256 values is stored several times: copy e of column ``columns_e[e]`` is
    x + ``shifts_e[e]``. The copies saturate where the others begin, so that, inside of what they cover,
    the sum of (stored − 128) over a column's copies is its value in steps, less the sum of their ``excess_e``.
    """

    step: float
    columns_e: npt.NDArray[np.int64]
    shifts_e: Floats
    excess_e: npt.NDArray[np.int64]

    def offset(self, weight: Quantized) -> Floats:
        """[N]: what a product with ``weight``, whose last rows are those of the copies, lacks."""
        rows_en = weight.values[self.columns_e].astype(np.int64)
        offset: Floats = ((self.excess_e @ rows_en) * self.step * weight.scale).astype(np.float32)
        return offset


NO_TILES = Tiling(1.0, np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.int64))


def tile(lows_k: Floats, highs_k: Floats, most_tiles: int) -> Tiling:
    """The finest step with which at most ``most_tiles`` further copies cover every column's values."""
    lows, highs = np.minimum(lows_k, 0).astype(np.float64), np.maximum(highs_k, 0).astype(np.float64)
    coarse = max(float((highs / 127).max()), float((-lows / 128).max()), 1e-9)
    fine = coarse * 1e-3
    for _ in range(_BISECTIONS):
        middle = (coarse + fine) / 2
        below, above = _copies(lows, highs, middle)
        if below.sum() + above.sum() <= most_tiles:
            coarse = middle
        else:
            fine = middle
    below, above = _copies(lows, highs, coarse)
    tiles = [
        (column, place)
        for column in np.flatnonzero(below + above)
        for place in (*range(-below[column], 0), *range(1, above[column] + 1))
    ]
    columns, places = np.array(tiles, np.int64).reshape(-1, 2).T
    excess = np.where(places > 0, ZERO_POINT, ZERO_POINT - _STEPS)
    return Tiling(coarse, columns, (-places * _STEPS * coarse).astype(np.float32), excess)


def _copies(
    lows: npt.NDArray[np.float64], highs: npt.NDArray[np.float64], step: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Further copies of each column, below and above the first one's range."""
    below = np.ceil((-lows / step - ZERO_POINT) / _STEPS - 1e-9)
    above = np.ceil((highs / step - (_STEPS - ZERO_POINT)) / _STEPS - 1e-9)
    return np.maximum(below, 0).astype(np.int64), np.maximum(above, 0).astype(np.int64)
