"""The closed form, where it can be solved by hand."""

import numpy as np
import pytest

from gateway.catalog.ease import item_weights, strongest


def test_two_items_of_two_users_speak_for_each_other_as_documented() -> None:
    weights = item_weights([np.array([0, 1]), np.array([1, 0])], items=2, ridge=2.0)
    assert weights.tolist() == [[0.0, pytest.approx(0.5)], [pytest.approx(0.5), 0.0]]


def test_an_item_that_nobody_liked_says_nothing() -> None:
    weights = item_weights([np.array([0, 1])], items=3, ridge=1.0)
    assert not weights[2].any()
    assert not weights[:, 2].any()


def test_only_the_strongest_weights_are_kept_in_order_of_places() -> None:
    weights = np.array([[0, 3, 1, 3], [-1, 0, 1e-9, 2]], np.float32)
    assert list(strongest(weights, 2)) == [(0, 1, 3.0), (0, 3, 3.0), (1, 3, 2.0)]
