"""Ties are broken without looking: a scorer that knows nothing is worth what chance is worth."""

import random

import numpy as np
import pytest

from training.metrics.ranking import expected_at_random, measure
from training.metrics.ties import order_by_score

ITEMS, TARGETS, LISTS = 50, 5, 1500


def cases() -> list[tuple[str, list[str], list[str]]]:
    """List id, items and targets; as in many data sets, the targets stand first."""
    targets = [f"t{number}" for number in range(TARGETS)]
    others = [f"o{number}" for number in range(ITEMS - TARGETS)]
    return [(f"u{user}", [*targets, *others], targets) for user in range(LISTS)]


def naive_order(scores: dict[str, float]) -> tuple[str, ...]:
    """The planted fault: a stable sort keeps the order in which the items came."""
    return tuple(sorted(scores, key=lambda item_id: -scores[item_id]))


def test_a_constant_scorer_scores_like_a_random_order() -> None:
    values = [
        measure(order_by_score(dict.fromkeys(items, 0.3), list_id, 1), targets)["ndcg@10"]
        for list_id, items, targets in cases()
    ]
    assert np.mean(values) == pytest.approx(expected_at_random(ITEMS, TARGETS), abs=0.01)


def test_a_stable_tie_break_would_be_caught() -> None:
    values = [measure(naive_order(dict.fromkeys(items, 0.3)), targets)["ndcg@10"] for _, items, targets in cases()]
    assert np.mean(values) > expected_at_random(ITEMS, TARGETS) + 0.5


def test_scores_come_first_and_only_ties_are_drawn() -> None:
    scores = {"a": 1.0, "b": 2.0, "c": 1.0, "d": -1.0, "e": float("inf"), "f": float("-inf")}
    drawn = {order_by_score(scores, f"u{user}", 1) for user in range(30)}
    assert drawn == {("e", "b", "a", "c", "d", "f"), ("e", "b", "c", "a", "d", "f")}


def test_the_order_in_which_items_come_changes_nothing() -> None:
    items = [f"i{number}" for number in range(20)]
    shuffled = random.Random(5).sample(items, len(items))
    assert order_by_score(dict.fromkeys(items, 0.0), "u", 1) == order_by_score(dict.fromkeys(shuffled, 0.0), "u", 1)


def test_lists_and_seeds_draw_differently_and_repeat_alike() -> None:
    scores = dict.fromkeys((f"i{number}" for number in range(20)), 0.0)
    orders = {order_by_score(scores, list_id, seed) for list_id in ("u1", "u2") for seed in (1, 2)}
    assert len(orders) == 4
    assert order_by_score(scores, "u1", 1) in orders


def test_the_parts_of_a_lot_cannot_run_into_each_other() -> None:
    items = [f"{number}" for number in range(10)]
    first = order_by_score({f"1:{item}": 0.0 for item in items}, "u", 1)
    second = order_by_score(dict.fromkeys(items, 0.0), "u:1", 1)
    assert tuple(item.removeprefix("1:") for item in first) != second


def test_every_place_is_as_likely_for_every_item() -> None:
    scores = dict.fromkeys("abcd", 0.0)
    places = [order_by_score(scores, f"u{user}", 7).index("a") for user in range(4000)]
    assert np.bincount(places, minlength=4) / 4000 == pytest.approx([0.25] * 4, abs=0.025)


def test_a_score_that_is_no_number_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"list u7: the score of 'b' is not a number"):
        order_by_score({"a": 1.0, "b": float("nan")}, "u7", 1)
