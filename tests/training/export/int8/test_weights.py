"""The stored form of int8 weights."""

import numpy as np
import pytest

from training.export.int8.weights import QUANTIZED, SCALE, Array, quantize_columns, quantize_rows, read_weights


@pytest.mark.parametrize("seed", range(5))
def test_a_value_moves_by_at_most_half_a_step_of_its_column(seed: int) -> None:
    draw = np.random.default_rng(seed)
    weight_kn = (draw.standard_normal((40, 17)) * draw.uniform(0.01, 10, 17)).astype(np.float32)
    stored = quantize_columns(weight_kn)
    step_n = np.abs(weight_kn).max(axis=0) / 127
    assert (np.abs(stored.dequantized() - weight_kn) <= step_n * 0.5001).all(), f"seed {seed}"


def test_each_token_of_a_table_has_its_own_scale() -> None:
    table_vh = np.array([[1000.0, -500.0], [0.001, 0.0005]], np.float32)
    stored = quantize_rows(table_vh)
    assert stored.scale.shape == (2, 1)
    np.testing.assert_allclose(stored.dequantized(), table_vh, rtol=0.01)


def test_zeros_stay_zeros() -> None:
    zeros = np.zeros((3, 2), np.float32)
    assert not quantize_rows(zeros).dequantized().any()
    assert not quantize_columns(zeros).dequantized().any()


def test_initializers_are_read_back_under_their_first_names() -> None:
    stored = quantize_columns(random_weight())
    initializers: dict[str, Array] = {
        f"dense{QUANTIZED}": stored.values,
        f"dense{SCALE}": stored.scale,
        "norm.bias": np.ones(3, np.float32),
    }
    weights = read_weights(initializers, {})
    assert weights.keys() == {"dense", "norm.bias"}
    np.testing.assert_array_equal(weights["dense"], stored.dequantized())


def test_rows_that_were_stored_larger_come_back_as_they_were() -> None:
    factors_k = np.array([1, 1, 4, 1, 1, 2], np.float32)
    stored = quantize_columns(random_weight() * factors_k[:, None])
    initializers: dict[str, Array] = {f"dense{QUANTIZED}": stored.values, f"dense{SCALE}": stored.scale}
    weights = read_weights(initializers, {"dense": {"2": 4.0, "5": 2.0}})
    np.testing.assert_allclose(weights["dense"] * factors_k[:, None], stored.dequantized(), rtol=0)


def random_weight() -> Array:
    return np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
