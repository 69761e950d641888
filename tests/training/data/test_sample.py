"""A sample of users: whole users, drawn by a seed, with the order of the tables."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.training.synthetic import START, synthetic_tables
from training.data.impressions import ImpressionRow
from training.data.sample import most_liked, sample_users
from training.data.tables import Tables

TABLES = synthetic_tables(users=20)


def users_of(tables: Tables) -> set[str]:
    return {row.user_id for row in tables.interactions}


def test_a_chosen_user_keeps_all_that_the_user_did_in_its_order() -> None:
    sample = sample_users(TABLES, 7, seed=1)
    chosen = users_of(sample)
    assert len(chosen) == 7
    assert sample.interactions == [row for row in TABLES.interactions if row.user_id in chosen]


def test_every_item_stays_so_that_lists_are_as_hard_as_with_all_users() -> None:
    assert sample_users(TABLES, 1, seed=1).items == TABLES.items


@pytest.mark.parametrize("seed", range(4))
def test_the_same_seed_draws_the_same_users_whatever_the_order_of_the_rows(seed: int) -> None:
    backwards = replace(TABLES, interactions=TABLES.interactions[::-1])
    assert users_of(sample_users(TABLES, 7, seed)) == users_of(sample_users(backwards, 7, seed)), f"seed {seed}"


def test_other_seeds_draw_other_users() -> None:
    """The control of the test above."""
    assert len({frozenset(users_of(sample_users(TABLES, 7, seed))) for seed in range(5)}) > 1


def test_more_users_than_there_are_is_all_of_them() -> None:
    assert sample_users(TABLES, 1000, seed=1).interactions == TABLES.interactions


def test_impressions_of_users_who_were_not_drawn_are_left_out() -> None:
    shown = [
        ImpressionRow(f"t{number}", f"u{number}", START + timedelta(days=number), "i1", 1, 1, "", 0.0, 1.0)
        for number in range(20)
    ]
    sample = sample_users(replace(TABLES, impressions=shown), 5, seed=2)
    assert {one.user_id for one in sample.impressions} == users_of(sample)


def test_the_most_liked_items_stay_with_what_was_done_with_them() -> None:
    chosen = most_liked(TABLES, 5)
    liked = [row.item_id for row in TABLES.interactions if row.weight > 0]
    counts = {item.item_id: liked.count(item.item_id) for item in TABLES.items}
    kept = {item.item_id for item in chosen.items}
    assert len(kept) == 5
    assert min(counts[item_id] for item_id in kept) >= max(counts[one] for one in counts if one not in kept)
    assert chosen.interactions == [row for row in TABLES.interactions if row.item_id in kept]
