"""Augmentation: each kind alone changes what it says and nothing else; all off changes nothing."""

from collections import Counter
from dataclasses import fields

import numpy as np
import pytest

from tests.training.histories import oldest_first
from training.examples.augmentation import Augmenter, keep_probability
from training.examples.example import RankingExample
from training.model.references import parse_reference
from training.options.fit import AugmentOptions

HISTORY = oldest_first(*(f"h{number}" for number in range(8)))
EXAMPLE = RankingExample(HISTORY, ("p", "n1", "n2"), (1.0, 0.0, 0.0))
ITEM_FIELDS = ("title", "genre", "year")


def augmenter(options: AugmentOptions, seed: int = 1) -> Augmenter:
    return Augmenter(options, ITEM_FIELDS, ("title", "year"), np.random.default_rng(seed))


def changed(options: AugmentOptions, count: int = 50) -> list[RankingExample]:
    one = augmenter(options)
    return [one.change(EXAMPLE) for _ in range(count)]


def test_all_off_changes_nothing() -> None:
    one = augmenter(AugmentOptions())
    assert one.change(EXAMPLE) == EXAMPLE
    assert one.position(HISTORY, ("t1", "t2"), 1) == HISTORY


@pytest.mark.parametrize("kind", ["subsample", "history_dropout", "shuffle", "field_dropout"])
def test_each_kind_changes_most_examples_and_never_items_or_labels(kind: str) -> None:
    examples = changed(AugmentOptions(**{kind: 0.9}))
    assert sum(one != EXAMPLE for one in examples) > 30
    for one in examples:
        assert [parse_reference(item)[0] for item in one.items] == list(EXAMPLE.items)
        assert one.labels == EXAMPLE.labels
        assert {parse_reference(item)[0] for item in one.history.oldest_first} <= set(HISTORY.oldest_first)


def test_a_subsampled_history_is_a_run_of_it() -> None:
    lengths = set()
    for one in changed(AugmentOptions(subsample=1.0), 200):
        start = HISTORY.oldest_first.index(one.history.oldest_first[0])
        assert one.history.oldest_first == HISTORY.oldest_first[start : start + len(one.history)]
        lengths.add(len(one.history))
    assert lengths == set(range(1, 9))


def test_dropped_history_keeps_its_order_and_at_least_the_newest_item() -> None:
    for one in changed(AugmentOptions(history_dropout=0.5)):
        assert list(one.history.oldest_first) == sorted(one.history.oldest_first)
        assert one.history
    assert changed(AugmentOptions(history_dropout=1.0), 1)[0].history == oldest_first("h7")


def test_history_dropout_drops_as_often_as_it_says() -> None:
    kept = sum(len(one.history) for one in changed(AugmentOptions(history_dropout=0.25), 500))
    assert kept / (500 * 8) == pytest.approx(0.75, abs=0.03)


def test_a_shuffled_history_has_the_same_items() -> None:
    for one in changed(AugmentOptions(shuffle=1.0)):
        assert Counter(one.history.oldest_first) == Counter(HISTORY.oldest_first)


def test_field_dropout_leaves_at_least_one_field_of_each_side() -> None:
    for one in changed(AugmentOptions(field_dropout=0.7), 200):
        for item in one.items:
            assert parse_reference(item)[1] < set(ITEM_FIELDS)
        for item in one.history.oldest_first:
            assert parse_reference(item)[1] < {"title", "year"}


def test_other_positions_extend_the_history_to_just_before_the_positive() -> None:
    one = augmenter(AugmentOptions(positions=1.0))
    assert one.position(HISTORY, ("t1", "t2", "t3"), 0) == HISTORY
    assert one.position(HISTORY, ("t1", "t2", "t3"), 2) == oldest_first(*HISTORY.oldest_first, "t1", "t2")


def test_an_empty_history_stays_empty() -> None:
    empty = RankingExample(oldest_first(), ("p", "n"), (1.0, 0.0))
    one = augmenter(AugmentOptions(subsample=1.0, history_dropout=0.9, shuffle=1.0))
    assert one.change(empty) == empty


def test_one_seed_gives_one_result() -> None:
    options = AugmentOptions(**{one.name: 0.5 for one in fields(AugmentOptions)})
    first, second = (augmenter(options, 7) for _ in range(2))
    assert [first.change(EXAMPLE) for _ in range(20)] == [second.change(EXAMPLE) for _ in range(20)]


def test_popular_positives_are_taken_more_rarely() -> None:
    popularity = {"rare": 1, "middle": 10, "hit": 1000, "never": 0}
    assert keep_probability("rare", popularity, 0.5) == 1.0
    assert keep_probability("middle", popularity, 0.5) == 1.0
    assert keep_probability("hit", popularity, 0.5) == pytest.approx(0.1)
    assert keep_probability("hit", popularity, 0.0) == 1.0
    assert keep_probability("unknown", popularity, 0.5) == 1.0
