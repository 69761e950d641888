"""Metrics against ir-measures, ties against chance, and statistics against known answers."""

import warnings

import numpy as np
import pytest

from training.metrics import (
    METRICS,
    expected_at_random,
    interval,
    measure,
    ndcg,
    paired_p_value,
    target_ranks,
)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the imported package, not ours
    import ir_measures

OFFICIAL = {
    "ndcg@10": ir_measures.nDCG @ 10,
    "map@10": ir_measures.AP @ 10,
    "mrr": ir_measures.RR,
    "recall@100": ir_measures.R @ 100,
    "recall@200": ir_measures.R @ 200,
}


@pytest.mark.parametrize("seed", range(20))
def test_every_metric_equals_ir_measures(seed: int) -> None:
    random = np.random.default_rng(seed)
    items = [f"i{number}" for number in range(300)]
    ranked = [items[place] for place in random.permutation(300)[: random.integers(5, 280)]]
    targets = list(random.choice(items, size=random.integers(1, 8), replace=False))
    qrels = [ir_measures.Qrel("q", target, 1) for target in targets]
    run = [ir_measures.ScoredDoc("q", item, -float(rank)) for rank, item in enumerate(ranked)]
    official = ir_measures.calc_aggregate(list(OFFICIAL.values()), qrels, run)
    ours = measure(ranked, targets)
    for name in METRICS:
        assert ours[name] == pytest.approx(official[OFFICIAL[name]]), f"{name}, seed {seed}"


def test_a_perfect_list_has_one_and_an_empty_list_nothing() -> None:
    assert measure(["a", "b", "c"], ["b", "a"])["ndcg@10"] == 1
    assert set(measure([], ["a"]).values()) == {0.0}


def test_a_list_that_names_an_item_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="3 items names 2 different"):
        target_ranks(["a", "b", "a"], ["a"])


def test_a_random_order_scores_what_chance_gives() -> None:
    random = np.random.default_rng(3)
    items = [str(number) for number in range(60)]
    values = [measure([items[place] for place in random.permutation(60)], items[:5])["ndcg@10"] for _ in range(4000)]
    assert np.mean(values) == pytest.approx(expected_at_random(60, 5), abs=0.006)


def test_ndcg_counts_only_to_its_depth() -> None:
    assert ndcg([11], 1, 10) == 0
    assert ndcg([10], 1, 10) == pytest.approx(1 / np.log2(11))


def test_an_interval_holds_the_mean_and_narrows_with_more_lists() -> None:
    random = np.random.default_rng(1)
    few, many = (interval(random.random(count), seed=1) for count in (30, 3000))
    assert few.low < few.mean < few.high
    assert many.high - many.low < (few.high - few.low) / 4


def test_equal_methods_are_never_told_apart_and_different_ones_are() -> None:
    random = np.random.default_rng(2)
    values = random.random(200)
    assert paired_p_value(values, values, seed=1) == 1
    assert paired_p_value(values + 0.05 + random.normal(0, 0.05, 200), values, seed=1) == pytest.approx(1 / 10_001)


def test_the_paired_test_is_rarely_wrong_about_noise() -> None:
    random = np.random.default_rng(4)
    found = [
        paired_p_value(random.normal(size=80), random.normal(size=80), seed=trial, samples=400) < 0.05
        for trial in range(300)
    ]
    assert np.mean(found) < 0.1


def test_lists_of_different_number_cannot_be_paired() -> None:
    with pytest.raises(ValueError, match="2 and 3 lists"):
        paired_p_value(np.zeros(2), np.zeros(3), seed=1)
