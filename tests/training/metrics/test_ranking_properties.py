"""What holds for any lists: hypothesis looks for one for which it does not, and prints it."""

from dataclasses import astuple, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.evaluation.by_hand import CATALOGUE, PLAN, POPULARITY, random_evaluated
from tests.training.histories import oldest_first
from training.evaluation.beyond_accuracy import Catalogue
from training.evaluation.evaluate import evaluate
from training.evaluation.fields import SharedField, same_field_order
from training.evaluation.movement import rank_movement
from training.evaluation.segments import find_segments
from training.metrics.ranking import METRICS, measure
from training.metrics.significance import bootstrap_intervals, holm, paired_differences, randomisation_p_values
from training.metrics.ties import order_by_score

ANY = settings(max_examples=60, deadline=None, derandomize=True)
FEW = settings(max_examples=15, deadline=None, derandomize=True)

ITEMS = [f"i{number:02}" for number in range(14)]
orders = st.permutations(ITEMS)
targets = st.sets(st.sampled_from(ITEMS), min_size=1, max_size=6)
chances = st.lists(st.floats(1e-4, 1), min_size=1, max_size=20)
seeds = st.integers(0, 10_000)


@ANY
@given(orders, targets)
def test_every_metric_lies_between_nothing_and_all(order: list[str], wanted: set[str]) -> None:
    assert all(0 <= value <= 1 + 1e-12 for value in measure(order, sorted(wanted)).values())


@ANY
@given(orders, targets, st.integers(1, len(ITEMS) - 1))
def test_no_metric_falls_when_a_target_moves_up_past_another_item(
    order: list[str], wanted: set[str], place: int
) -> None:
    if order[place] not in wanted or order[place - 1] in wanted:
        return
    moved = [*order[: place - 1], order[place], order[place - 1], *order[place + 1 :]]
    before, after = measure(order, sorted(wanted)), measure(moved, sorted(wanted))
    assert all(after[name] >= before[name] - 1e-12 for name in METRICS)


@ANY
@given(orders, targets)
def test_nothing_below_the_depth_counts(order: list[str], wanted: set[str]) -> None:
    names = ("ndcg@5", "map@5", "mrr@5", "recall@5", "hit_rate@5")
    assert measure(order, sorted(wanted), names) == measure(order[:5], sorted(wanted), names)


@ANY
@given(st.dictionaries(st.sampled_from(ITEMS), st.integers(-128, 127).map(float), min_size=1), seeds)
def test_coarse_scores_are_ordered_by_score_and_keep_every_item(scores: dict[str, float], seed: int) -> None:
    order = order_by_score(scores, "u", seed)
    assert sorted(order) == sorted(scores)
    assert [scores[item_id] for item_id in order] == sorted(scores.values(), reverse=True)


@ANY
@given(chances)
def test_a_correction_only_makes_p_larger_keeps_its_order_and_at_most_multiplies_it(p_values: list[float]) -> None:
    corrected = np.array(holm(p_values))
    assert (corrected >= np.array(p_values)).all()
    assert (corrected <= np.minimum(1, len(p_values) * np.array(p_values)) + 1e-12).all()
    assert (np.diff(corrected[np.argsort(p_values, kind="stable")]) >= 0).all()


@FEW
@given(seeds, st.floats(-5, 5), st.floats(0.1, 10))
def test_an_interval_moves_and_grows_with_its_values(seed: int, shift: float, scale: float) -> None:
    values = np.random.default_rng(seed).normal(size=(30, 1))
    one = bootstrap_intervals(values, seed)[0]
    other = bootstrap_intervals(scale * values + shift, seed)[0]
    expected = [scale * value + shift for value in (one.mean, one.low, one.high)]
    assert [other.mean, other.low, other.high] == pytest.approx(expected)


@FEW
@given(seeds, st.floats(0.1, 10))
def test_a_test_asks_neither_which_side_is_first_nor_in_which_unit(seed: int, scale: float) -> None:
    values = np.random.default_rng(seed).normal(0.2, 1, size=(30, 2))
    p_values = randomisation_p_values(values, seed, 500)
    assert randomisation_p_values(-values, seed, 500) == p_values
    assert randomisation_p_values(scale * values, seed, 500) == p_values


@FEW
@given(seeds)
def test_a_difference_turned_round_is_its_own_mirror(seed: int) -> None:
    first, second = np.random.default_rng(seed).random((2, 25, 1))
    one, other = paired_differences(first, second, seed)[0], paired_differences(second, first, seed)[0]
    assert (one.difference, one.low, one.high) == pytest.approx((-other.difference, -other.high, -other.low))
    assert one.p == other.p


@ANY
@given(orders, st.lists(st.sampled_from(ITEMS), max_size=3), st.lists(st.sampled_from("abc"), min_size=14, max_size=14))
def test_the_rule_keeps_every_item_and_never_lifts_one_above_another_that_shares_as_much(
    order: list[str], history: list[str], genres: list[str]
) -> None:
    items = {item_id: {"genre": genre} for item_id, genre in zip(ITEMS, genres, strict=True)}
    found = same_field_order(SharedField("genre"), order, oldest_first(*history), items)
    assert sorted(found) == sorted(order)
    for genre in "abc":
        assert [one for one in found if items[one]["genre"] == genre] == [
            one for one in order if items[one]["genre"] == genre
        ]


@FEW
@given(seeds)
def test_a_list_is_as_diverse_and_novel_in_any_order(seed: int) -> None:
    catalogue = Catalogue(CATALOGUE, POPULARITY)
    top = list(np.random.default_rng(seed).permutation(list(CATALOGUE))[:10])
    assert catalogue.diversity(top) == pytest.approx(catalogue.diversity(top[::-1]))
    assert catalogue.novelty(top) == pytest.approx(catalogue.novelty(top[::-1]))
    assert 0 <= catalogue.diversity(top) <= 1


@FEW
@given(seeds)
def test_every_target_is_in_one_segment_of_a_group_and_its_movement_is_counted_once(seed: int) -> None:
    lists = random_evaluated(40, seed)
    segments = find_segments(lists, (SharedField("author"),), CATALOGUE, POPULARITY)
    for group in {one.group for one in segments}:
        found = [one for one in segments if one.group == group]
        assert sum(len(wanted) for one in found for wanted in one.targets.values()) == 3 * len(lists)
    movement = rank_movement(lists, "weak", "strong")
    assert sum(movement.moved.values()) + movement.gained + movement.lost == 3 * len(lists)
    turned = rank_movement(lists, "strong", "weak")
    assert (turned.entered, turned.left) == (movement.left, movement.entered)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(seeds)
def test_neither_the_order_of_users_nor_the_names_of_items_change_a_mean(seed: int) -> None:
    lists = random_evaluated(30, seed)
    renamed = [
        replace(
            one,
            targets=tuple(f"x{item_id}" for item_id in one.targets),
            history=tuple(f"x{item_id}" for item_id in one.history),
            orders={name: tuple(f"x{item_id}" for item_id in order) for name, order in one.orders.items()},
        )
        for one in lists[::-1]
    ]
    one = evaluate(lists, PLAN, CATALOGUE, POPULARITY)
    other = evaluate(
        renamed,
        PLAN,
        {f"x{item_id}": fields for item_id, fields in CATALOGUE.items()},
        {f"x{item_id}": count for item_id, count in POPULARITY.items()},
    )
    for name in ("weak", "strong"):
        assert [other.mean(name, metric) for metric in METRICS] == pytest.approx(
            [one.mean(name, metric) for metric in METRICS]
        )
        assert astuple(one.method(name).beyond) == pytest.approx(astuple(other.method(name).beyond))
    assert [(each.name, each.lists, each.targets) for each in one.segments] == [
        (each.name, each.lists, each.targets) for each in other.segments
    ]
