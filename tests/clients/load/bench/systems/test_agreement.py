"""Whether two systems rank alike."""

import pytest

from clients.load.bench.systems import agreement


def test_tau_is_one_for_the_same_order_whatever_the_scale_and_minus_one_for_the_reverse() -> None:
    ours = [[3.0, 2.0, 1.0], [0.1, 0.2, 0.3]]
    scaled = [[30.0, 20.0, -5.0], [1.0, 2.0, 3.0]]
    found = agreement.taus(ours, {"scaled": scaled, "half": [ours[0], ours[1][::-1]]})
    assert found["scaled"] == {"mean": 1.0, "lowest": 1.0, "lists": 2}
    assert found["half"] == {"mean": pytest.approx(0.0), "lowest": -1.0, "lists": 2}


def test_one_exchange_of_neighbours_among_three_leaves_a_third() -> None:
    found = agreement.taus([[3.0, 2.0, 1.0]], {"other": [[2.0, 3.0, 1.0]]})["other"]
    assert found["mean"] == pytest.approx(1 / 3)


def test_scores_of_another_number_of_lists_are_no_comparison() -> None:
    with pytest.raises(ValueError, match="shorter"):
        agreement.taus([[1.0, 2.0], [1.0, 2.0]], {"other": [[1.0, 2.0]]})
