"""Coverage, diversity and novelty against numbers worked out by hand."""

from itertools import combinations
from math import log2

import numpy as np
import pytest

from tests.training.evaluation.by_hand import CATALOGUE, POPULARITY, random_evaluated
from training.evaluation.beyond_accuracy import Catalogue

ITEMS = {
    "a": {"title": "red fox"},
    "b": {"title": "red hen"},
    "c": {"title": "Red Fox"},
    "d": {"title": "blue whale"},
    "e": {"title": ""},
}
CATALOGUE_OF_FIVE = Catalogue(ITEMS, {"a": 7, "b": 3, "d": 1})
TOTAL = 7 + 3 + 1 + 5  # each item counts as if it had one more


@pytest.mark.parametrize(
    ("top", "diversity"),
    [
        ("ac", 0.0),  # the same words
        ("ad", 1.0),  # nothing shared
        ("ab", 2 / 3),  # one of three words
        ("abd", (2 / 3 + 1 + 1) / 3),
        ("ae", 1.0),  # an item without words is like nothing
        ("a", 0.0),
        ("", 0.0),
    ],
)
def test_diversity_is_one_less_the_mean_similarity_of_pairs(top: str, diversity: float) -> None:
    assert CATALOGUE_OF_FIVE.diversity(list(top)) == pytest.approx(diversity)


def test_novelty_is_the_mean_information_of_the_items() -> None:
    assert CATALOGUE_OF_FIVE.novelty(["a", "b"]) == pytest.approx(-(log2(8 / TOTAL) + log2(4 / TOTAL)) / 2)
    assert CATALOGUE_OF_FIVE.novelty([]) == 0


def test_an_item_that_nobody_met_is_novel_but_not_infinitely() -> None:
    assert CATALOGUE_OF_FIVE.novelty(["c"]) == pytest.approx(-log2(1 / TOTAL))
    assert CATALOGUE_OF_FIVE.novelty(["c"]) > CATALOGUE_OF_FIVE.novelty(["a"])


def test_coverage_is_the_share_of_the_catalogue_in_anybodys_first_items() -> None:
    found = CATALOGUE_OF_FIVE.describe([["a", "b", "c"], ["a", "d", "e"]], depth=2)
    assert found.coverage == pytest.approx(3 / 5)
    assert found.diversity == pytest.approx((2 / 3 + 1) / 2)


def test_depth_is_where_lists_end() -> None:
    orders = [["a", "c", "d"]]
    assert CATALOGUE_OF_FIVE.describe(orders, depth=2).diversity == 0
    assert CATALOGUE_OF_FIVE.describe(orders, depth=3).diversity > 0


@pytest.mark.parametrize("seed", range(3))
def test_diversity_is_that_of_a_plain_computation(seed: int) -> None:
    orders = [one.orders["weak"] for one in random_evaluated(20, seed)]
    expected = []
    for order in orders:
        sets = [{word for text in CATALOGUE[item_id].values() for word in text.split()} for item_id in order[:10]]
        expected.append(np.mean([1 - len(one & other) / len(one | other) for one, other in combinations(sets, 2)]))
    found = Catalogue(CATALOGUE, POPULARITY).describe(orders, 10)
    assert found.diversity == pytest.approx(np.mean(expected)), f"seed {seed}"


def test_a_list_of_popular_items_is_less_novel_and_covers_less_than_random_ones() -> None:
    catalogue = Catalogue(CATALOGUE, POPULARITY)
    popular = tuple(sorted(CATALOGUE, key=lambda item_id: -POPULARITY[item_id]))
    same = catalogue.describe([popular] * 30, 10)
    varied = catalogue.describe([one.orders["noise"] for one in random_evaluated(30, seed=2)], 10)
    assert same.coverage == 10 / 40
    assert varied.coverage == 1
    assert same.novelty < varied.novelty
