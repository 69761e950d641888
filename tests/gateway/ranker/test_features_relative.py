"""Features that stand relative to their list: the same in a catalogue of another size, and bounded."""

import numpy as np
import pytest

from gateway.domain.values import Candidate, HistoryEvent
from gateway.ranker.features import FusionInput
from gateway.ranker.signals import ItemSignals, key_of
from tests.gateway.ranker.by_hand import column

NEIGHBORS = "abc"


def given(scale: float = 1.0, popularity: dict[str, float] | None = None) -> FusionInput:
    """Two items of a history that speak for a (4 and 0), b (1 and 1) and c (0 and 2), each as much as ``scale``."""
    keys = np.array([key_of(item_id) for item_id in NEIGHBORS], np.uint64)
    order = np.argsort(keys)
    smooth = np.zeros((2, 2, 1), np.float32)
    signals = {item_id: ItemSignals(smooth=smooth) for item_id in NEIGHBORS}
    for item_id, weights in (("new", (4, 1, 0)), ("old", (0, 1, 2))):
        column_of_ease = np.zeros((3, 3), np.float32)
        column_of_ease[:, 0] = np.array(weights)[order] * scale
        signals[item_id] = ItemSignals(keys[order], column_of_ease, smooth)
    return FusionInput(
        [Candidate(item_id, rank, 0.1) for rank, item_id in enumerate("abcx", start=1)],
        {},
        history=[HistoryEvent("new", {}), HistoryEvent("old", {})],
        popularity=popularity or {},
        signals=signals,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("relation_share:ease", [1.0, 1.9 / 4, 1.8 / 4]),
        ("relation_recent_share:ease", [1.0, 1.6 / 4, 1.2 / 4]),
        ("relation_max_share:ease", [1.0, 1 / 4, 2 / 4]),
        ("relation_at_share:ease/0", [1.0, 1 / 4, 0.0]),
        ("relation_at_share:ease/1", [0.0, 1 / 2, 1.0]),
        ("relation_recent_order:ease", [60 / 61, 60 / 62, 60 / 63]),
    ],
)
def test_a_share_is_of_the_lists_largest_whatever_the_size_of_weights(name: str, expected: list[float]) -> None:
    for scale in (1.0, 0.125):
        found = column(name, given(scale))
        assert found[:3] == pytest.approx(expected)
        assert np.isnan(found[3])  # nobody liked it: unknown, not far


def test_what_is_far_below_zero_has_a_share_of_minus_one_and_rounding_none() -> None:
    base = given()
    far = {**base.signals, "new": ItemSignals(smooth=np.ones((2, 2, 1), np.float32))}
    for place, item_id in enumerate(NEIGHBORS):
        far[item_id] = ItemSignals(smooth=np.full((2, 2, 1), (1e-3, -5.0, 5e-4)[place], np.float32))
    one = FusionInput(base.candidates, {}, history=base.history[:1], signals=far)
    assert column("relation_share:near", one)[:3] == pytest.approx([1.0, -1.0, 0.5])
    tiny = {**far, **{item_id: ItemSignals(smooth=np.full((2, 2, 1), 1e-12, np.float32)) for item_id in NEIGHBORS}}
    rounding = FusionInput(base.candidates, {}, history=base.history[:1], signals=tiny)
    assert column("relation_share:near", rounding)[:3] == [0.0, 0.0, 0.0]


def test_popularity_is_told_from_the_most_popular_of_the_list() -> None:
    found = column("popularity_gap", given(popularity={"a": 1.0, "b": 3.0, "c": 7.0}))
    assert found == pytest.approx([-np.log(4), -np.log(2), 0.0, -np.log(8)])
