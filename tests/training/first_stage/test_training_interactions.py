"""What a fold's first stages are fitted on."""

import numpy as np

from tests.training.first_stage.by_hand import known
from tests.training.histories import oldest_first
from tests.training.synthetic import synthetic_tables
from training.first_stage.training_interactions import known_in, weights_of
from training.options.protocol import Protocol
from training.protocol.dataset import Dataset

PROTOCOL = Protocol(min_positives=12, held_out=3, min_history=3)


def test_popularity_counts_the_users_of_an_item_and_knows_items_nobody_liked() -> None:
    assert known([0, 1], [1, 2], [1]).popularity().tolist() == [1, 3, 1, 0, 0, 0]


def test_the_matrix_has_a_one_where_a_user_liked_an_item() -> None:
    assert known([0, 2], [1]).matrix().toarray().tolist() == [[1, 0, 1, 0, 0, 0], [0, 1, 0, 0, 0, 0]]


def test_the_newest_item_weighs_one_and_older_ones_decay() -> None:
    assert weights_of([oldest_first(3, 1, 0)], 4, decay=0.5).toarray().tolist() == [[1, 0.5, 0, 0.25]]


def test_only_the_recent_items_weigh_when_a_number_is_given() -> None:
    assert weights_of([oldest_first(3, 1, 0)], 4, recent=2).toarray().tolist() == [[1, 1, 0, 0]]


def test_an_empty_history_weighs_nothing() -> None:
    assert weights_of([oldest_first(), oldest_first(2)], 3).toarray().tolist() == [[0, 0, 0], [0, 0, 1]]


def test_what_a_fold_knows_holds_no_target_of_the_fold() -> None:
    dataset = Dataset(synthetic_tables(users=40, items=96), PROTOCOL)
    for fold in (0, 1, 2):
        found = known_in(dataset, fold)
        by_user = dict(zip(found.users, found.histories, strict=True))
        for case in dataset.cases(fold):
            names = [dataset.items[place].item_id for place in by_user[case.user_id].oldest_first]
            assert names == list(case.history.oldest_first)
            assert not set(names) & set(case.targets)


def test_a_lower_fold_knows_more() -> None:
    dataset = Dataset(synthetic_tables(users=40, items=96), PROTOCOL)
    sizes = [known_in(dataset, fold).popularity().sum() for fold in (0, 1, 2)]
    assert sizes == sorted(sizes, reverse=True)
    assert np.unique(sizes).size == 3
