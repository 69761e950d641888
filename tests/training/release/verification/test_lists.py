"""Lists to verify with: the same for the same seed, of distinct items, and never from too small a catalogue."""

import pytest

from gateway.domain.values import Item
from training.release.verification.lists import ListPlan, draw_lists

CATALOGUE = [Item(f"i{number}", {"title": f"title {number}"}) for number in range(40)]
PLAN = ListPlan(lists=5, candidates=20, longest_history=6, seed=3)


def test_the_same_seed_draws_the_same_lists_and_another_seed_others() -> None:
    assert draw_lists(CATALOGUE, PLAN) == draw_lists(CATALOGUE, PLAN)
    assert draw_lists(CATALOGUE, PLAN) != draw_lists(CATALOGUE, ListPlan(5, 20, 6, seed=4))


def test_every_list_has_distinct_items_and_the_first_history_is_empty() -> None:
    lists = draw_lists(CATALOGUE, PLAN)
    assert len(lists) == 5
    assert lists[0].history == ()
    for one in lists:
        drawn = [item.item_id for item in (*one.history, *one.candidates)]
        assert len(set(drawn)) == len(drawn)
        assert len(one.candidates) == 20
        assert len(one.history) <= 6


def test_a_catalogue_that_is_too_small_is_refused_with_both_numbers() -> None:
    with pytest.raises(ValueError, match="has 10 items; 26 are needed"):
        draw_lists(CATALOGUE[:10], PLAN)
