"""Metrics against ir-measures and against known answers."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.metrics.ranking import METRICS, expected_at_random, measure, ndcg, target_ranks

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the imported package, not ours
    import ir_measures

OFFICIAL = {
    "ndcg@10": ir_measures.nDCG @ 10,
    "map@10": ir_measures.AP @ 10,
    "mrr": ir_measures.RR,
    "mrr@3": ir_measures.RR @ 3,
    "recall@10": ir_measures.R @ 10,
    "recall@100": ir_measures.R @ 100,
    "recall@200": ir_measures.R @ 200,
    "hit_rate@10": ir_measures.Success @ 10,
    "ndcg@3": ir_measures.nDCG @ 3,
    "map@100": ir_measures.AP @ 100,
}
ITEMS = [f"i{number}" for number in range(12)]


def official(ranked: list[str], targets: list[str]) -> dict[str, float]:
    """What ir-measures says of the list."""
    qrels = [ir_measures.Qrel("q", target, 1) for target in targets]
    run = [ir_measures.ScoredDoc("q", item, -float(rank)) for rank, item in enumerate(ranked)]
    found = ir_measures.calc_aggregate(list(OFFICIAL.values()), qrels, run)
    return {name: found[metric] for name, metric in OFFICIAL.items()}


@pytest.mark.parametrize("seed", range(20))
def test_every_metric_equals_ir_measures(seed: int) -> None:
    random = np.random.default_rng(seed)
    items = [f"i{number}" for number in range(300)]
    ranked = [items[place] for place in random.permutation(300)[: random.integers(5, 280)]]
    targets = list(random.choice(items, size=random.integers(1, 8), replace=False))
    assert measure(ranked, targets, tuple(OFFICIAL)) == pytest.approx(official(ranked, targets)), f"seed {seed}"


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.permutations(ITEMS), st.integers(1, 12), st.sets(st.sampled_from(ITEMS), min_size=1))
def test_short_lists_with_any_targets_equal_ir_measures(order: list[str], length: int, targets: set[str]) -> None:
    ranked, wanted = order[:length], sorted(targets)
    assert measure(ranked, wanted, tuple(OFFICIAL)) == pytest.approx(official(ranked, wanted))


def test_a_wrong_discount_would_be_seen_against_ir_measures() -> None:
    ranked, targets = ["a", "b", "c", "d"], ["b", "d"]
    wrong = (1 / 2 + 1 / 4) / (1 + 1 / 2)  # 1 / rank instead of 1 / log2(rank + 1)
    assert wrong != pytest.approx(official(ranked, targets)["ndcg@10"])


def test_every_metric_of_an_evaluation_is_checked_against_ir_measures() -> None:
    assert set(METRICS) <= set(OFFICIAL)


def test_a_perfect_list_has_one_and_an_empty_list_nothing() -> None:
    assert set(measure(["a", "b", "c"], ["b", "a"]).values()) == {1.0}
    assert set(measure([], ["a"]).values()) == {0.0}


def test_a_list_that_names_an_item_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="3 items names 2 different"):
        target_ranks(["a", "b", "a"], ["a"])


def test_a_target_that_is_named_twice_counts_once() -> None:
    assert measure(["a", "b"], ["a", "a"]) == measure(["a", "b"], ["a"])


def test_a_list_without_a_target_has_no_metrics() -> None:
    with pytest.raises(ValueError, match="without a target"):
        measure(["a"], [])


@pytest.mark.parametrize("name", ["auc@10", "ndcg", "ndcg@", "ndcg@ten", "ndcg@0", "mrr@"])
def test_an_unknown_metric_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=f"'{name}' is no metric"):
        measure(["a"], ["a"], (name,))


def test_a_random_order_scores_what_chance_gives() -> None:
    random = np.random.default_rng(3)
    items = [str(number) for number in range(60)]
    values = [measure([items[place] for place in random.permutation(60)], items[:5])["ndcg@10"] for _ in range(4000)]
    assert np.mean(values) == pytest.approx(expected_at_random(60, 5), abs=0.006)


def test_ndcg_counts_only_to_its_depth() -> None:
    assert ndcg([11], 1, 10) == 0
    assert ndcg([10], 1, 10) == pytest.approx(1 / np.log2(11))
