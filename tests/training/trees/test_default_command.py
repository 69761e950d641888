"""The command that makes the default trees: what it may be fitted on, and how its table reads."""

from gateway.ranker.fitted import MeasuredOrder, Verdict
from training.trees.default_command import HEADER, LOADERS, TEST_ONLY, row_of


def test_what_a_licence_keeps_from_commerce_is_only_tested() -> None:
    assert "movielens" in TEST_ONLY
    assert set(LOADERS) - TEST_ONLY == {"goodbooks", "movietweetings", "complete_journey", "online_retail"}


def test_a_row_tells_the_best_first_stage_and_both_kinds_of_trees_against_it() -> None:
    rows = (
        MeasuredOrder("popular", 0.02, 0.01, 0.03),
        MeasuredOrder("follows", 0.12, 0.11, 0.13),
        MeasuredOrder("default", 0.13, 0.12, 0.14, 0.01, 0.005, 0.015, 0.0004),
    )
    row = row_of("shop", Verdict("default", "", 1_234, "follows", rows))
    assert row == "| shop | 1,234 | follows | 0.1200 | 0.1300 (+0.0100 [+0.0050, +0.0150]) | 0.0004 | none |  |"
    assert row.count("|") == HEADER.count("|")
