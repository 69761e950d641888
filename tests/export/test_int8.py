"""The stored form of int8 weights."""

import numpy as np
import pytest

from training.export.int8 import (
    OFFSET,
    OUTLIERS,
    QUANTIZED,
    SCALE,
    Array,
    quantize_columns,
    quantize_rows,
    read_weights,
)

NO_COPIES = np.zeros(0, np.int64)


@pytest.mark.parametrize("seed", range(5))
def test_a_value_moves_by_at_most_half_a_step_of_its_column(seed: int) -> None:
    draw = np.random.default_rng(seed)
    weight_kn = (draw.standard_normal((40, 17)) * draw.uniform(0.01, 10, 17)).astype(np.float32)
    stored = quantize_columns(weight_kn, draw.choice(40, size=4, replace=False))
    step_n = np.abs(weight_kn).max(axis=0) / 127
    assert (np.abs(stored.dequantized() - weight_kn) <= step_n * 0.5001).all(), f"seed {seed}"


def test_copied_rows_stand_behind_the_others_and_do_not_come_back() -> None:
    weight_kn = np.arange(-10, 10, dtype=np.float32).reshape(5, 4)
    stored = quantize_columns(weight_kn, np.array([1, 3, 3]))
    np.testing.assert_array_equal(stored.values[5:], stored.values[[1, 3, 3]])
    assert stored.dequantized().shape == (5, 4)
    np.testing.assert_allclose(stored.dequantized(), weight_kn, atol=0.05)


def test_each_token_of_a_table_has_its_own_scale() -> None:
    table_vh = np.array([[1000.0, -500.0], [0.001, 0.0005]], np.float32)
    stored = quantize_rows(table_vh)
    assert stored.scale.shape == (2, 1)
    np.testing.assert_allclose(stored.dequantized(), table_vh, rtol=0.01)


def test_zeros_stay_zeros() -> None:
    zeros = np.zeros((3, 2), np.float32)
    assert not quantize_rows(zeros).dequantized().any()
    assert not quantize_columns(zeros, np.array([0])).dequantized().any()


def test_initializers_are_read_back_under_their_first_names() -> None:
    stored = quantize_columns(random_weight(), np.array([2, 5]))
    initializers: dict[str, Array] = {
        f"dense{QUANTIZED}": stored.values,
        f"dense{SCALE}": stored.scale,
        f"dense{OFFSET}": np.ones(3, np.float32),
        "norm.bias": np.ones(3, np.float32),
    }
    weights = read_weights(initializers, {"dense": 2}, {})
    assert weights.keys() == {"dense", "norm.bias"}
    np.testing.assert_array_equal(weights["dense"], stored.dequantized())


def test_graphs_of_earlier_releases_are_read_whose_outlier_rows_stand_apart() -> None:
    whole = quantize_columns(random_weight(), NO_COPIES)
    rows = [2, 5]
    apart = whole.values.copy()
    apart[rows] = 0
    initializers: dict[str, Array] = {
        f"dense{QUANTIZED}": apart,
        f"dense{SCALE}": whole.scale,
        f"dense{OUTLIERS}": whole.values[rows],
    }
    weights = read_weights(initializers, {}, {"dense": rows})
    assert weights.keys() == {"dense"}
    np.testing.assert_array_equal(weights["dense"], whole.dequantized())


def random_weight() -> Array:
    return np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
