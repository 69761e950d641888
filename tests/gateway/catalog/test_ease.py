"""The closed form, where it can be solved by hand."""

import numpy as np
import pytest

from gateway.catalog.ease import Weights, ease


def gram(*liked: list[int]) -> Weights:
    """[items, items]: users who liked both, of users by items."""
    matrix = np.array(liked, np.float32)
    return matrix.T @ matrix


def test_two_items_of_two_users_speak_for_each_other_as_documented() -> None:
    weights = ease(gram([1, 1], [1, 1]), ridge=2.0)
    assert weights.tolist() == [[0.0, pytest.approx(0.5)], [pytest.approx(0.5), 0.0]]


def test_an_item_that_nobody_liked_says_nothing() -> None:
    weights = ease(gram([1, 1, 0]), ridge=1.0)
    assert not weights[2].any()
    assert not weights[:, 2].any()


@pytest.mark.parametrize("seed", range(3))
def test_the_weights_are_those_of_the_inverse_in_double_precision_and_lie_by_rows(seed: int) -> None:
    liked = (np.random.default_rng(seed).random((80, 25)) < 0.2).astype(np.float64)
    inverse = np.linalg.inv(liked.T @ liked + 5.0 * np.eye(25))
    expected = -inverse / np.diag(inverse)
    np.fill_diagonal(expected, 0)
    weights = ease((liked.T @ liked).astype(np.float32), ridge=5.0)
    assert weights == pytest.approx(expected, abs=1e-5), f"seed {seed}"
    assert weights.flags.c_contiguous


def test_no_items_have_no_weights() -> None:
    assert ease(np.zeros((0, 0), np.float32), ridge=1.0).shape == (0, 0)


def test_items_of_the_same_users_without_a_ridge_cannot_be_told_apart() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        ease(gram(*[[1, 1]] * 4), ridge=0.0)
