"""Large columns in uint8: nothing inside of the covered range is clipped, and no step is wasted."""

import numpy as np
import numpy.typing as npt
import pytest

from training.export.int8 import quantize_columns
from training.export.tiles import NO_TILES, ZERO_POINT, Tiling, tile


def stored(values_nk: npt.NDArray[np.float32], tiling: Tiling) -> npt.NDArray[np.int64]:
    """What QuantizeLinear makes of all columns and of the copies: [N, K + E]."""
    copies_ne = values_nk[:, tiling.columns_e] + tiling.shifts_e
    whole = np.concatenate([values_nk, copies_ne], axis=1)
    clipped: npt.NDArray[np.int64] = np.clip(np.rint(whole / tiling.step) + ZERO_POINT, 0, 255).astype(np.int64)
    return clipped


def random_ranges(seed: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Forty columns, a few of them up to thirty times as large as the others, on one side or both."""
    draw = np.random.default_rng(seed)
    size_k = np.where(draw.random(40) < 0.15, draw.uniform(3, 30, 40), draw.uniform(0.5, 1, 40))
    return (-size_k * draw.random(40)).astype(np.float32), (size_k * draw.random(40)).astype(np.float32)


@pytest.mark.parametrize("seed", range(6))
def test_a_product_of_the_stored_numbers_is_the_product_within_half_a_step_of_each_value(seed: int) -> None:
    lows_k, highs_k = random_ranges(seed)
    draw = np.random.default_rng(seed)
    tiling = tile(lows_k, highs_k, most_tiles=12)
    values_nk = draw.uniform(lows_k, highs_k, (50, 40)).astype(np.float32)
    values_nk[0], values_nk[1] = lows_k, highs_k
    weight = quantize_columns(draw.standard_normal((40, 7)).astype(np.float32), tiling.columns_e)
    centred = stored(values_nk, tiling) - ZERO_POINT
    product = (centred @ weight.values.astype(np.int64)) * tiling.step * weight.scale + tiling.offset(weight)
    expected = values_nk @ weight.dequantized()
    allowed = tiling.step * 0.501 * np.abs(weight.dequantized()).sum(axis=0)
    assert (np.abs(product - expected) <= allowed + 1e-4).all(), f"seed {seed}"


@pytest.mark.parametrize("seed", range(6))
def test_more_tiles_never_make_the_step_coarser_and_the_limit_holds(seed: int) -> None:
    ranges = random_ranges(seed)
    tilings = [tile(*ranges, most_tiles=most) for most in (0, 2, 8, 32)]
    assert [len(one.columns_e) <= most for one, most in zip(tilings, (0, 2, 8, 32), strict=True)] == [True] * 4
    steps = [one.step for one in tilings]
    assert steps == sorted(steps, reverse=True), f"seed {seed}"
    assert steps[-1] < steps[0], f"seed {seed}"


def test_only_the_large_column_is_copied_on_the_side_where_it_is_large() -> None:
    lows_k = np.array([-1, -1, -20, -1], np.float32)
    tiling = tile(lows_k, np.ones(4, np.float32), most_tiles=10)
    assert set(tiling.columns_e) == {2}
    assert (tiling.shifts_e > 0).all()
    assert tiling.step < 20 / 128 / 5


def test_zeros_need_no_copies_and_no_division_by_zero() -> None:
    zeros = np.zeros(3, np.float32)
    tiling = tile(zeros, zeros, most_tiles=4)
    assert tiling.step > 0
    assert len(tiling.columns_e) == 0


def test_without_copies_nothing_is_missing_from_a_product() -> None:
    weight = quantize_columns(np.ones((3, 2), np.float32), NO_TILES.columns_e)
    np.testing.assert_array_equal(NO_TILES.offset(weight), [0, 0])
