"""How items relate, on catalogues small enough to count by hand."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.sparse import csr_array

from gateway.catalog.ease import ease
from gateway.catalog.relations import (
    NEAR_FLOOR,
    NEXT_FLOOR,
    ItemRelations,
    RelationSettings,
    relate_items,
    strongest,
)
from gateway.domain.history import History
from gateway.ranker.signals import SMOOTH, SPARSE, Floats, key_of, relate
from tests.training.histories import oldest_first

NO_SHRINK = RelationSettings(shrink=0.0, follows_shrink=0.0, ridge=2.0)
ITEMS = 30


def drawn(seed: int, users: int = 60) -> list[History[int]]:
    """Random histories, in which items of low places are popular and the last is liked by nobody."""
    random = np.random.default_rng(seed)
    weights = 1 / np.arange(1, ITEMS)
    return [
        oldest_first(
            *random.choice(ITEMS - 1, random.integers(1, 9), replace=False, p=weights / weights.sum()).tolist()
        )
        for _ in range(users)
    ]


def liked(histories: Sequence[History[int]]) -> Floats:
    matrix = np.zeros((len(histories), ITEMS), np.float32)
    for row, history in enumerate(histories):
        matrix[row, list(history.oldest_first)] = 1
    return matrix


def test_users_are_counted_and_items_that_were_liked_together_are_near() -> None:
    found = relate_items([oldest_first(0, 1), oldest_first(1, 0, 2), oldest_first(3)], 5, NO_SHRINK)
    assert found.users.tolist() == [2, 2, 1, 1, 0]
    near = found.sparse["item_knn"].toarray()
    assert near[0, 1] == near[1, 0] == pytest.approx(1.0)
    assert near[0, 2] == pytest.approx(1 / math.sqrt(2))
    assert not near[3].any()
    assert not near[:, 4].any()


def test_what_follows_has_a_direction_and_counts_less_the_later_it_came() -> None:
    found = relate_items([oldest_first(0, 1, 2), oldest_first(0, 1)], 4, NO_SHRINK).sparse["follows"].toarray()
    assert found[1, 0] == found[2, 0] == 0
    # Of rows 2.5 and 1 with what follows them; of columns 2 and 1.5 with what they follow; each one more.
    assert found[0, 1] == pytest.approx(2 / math.sqrt((2 + 0.5 + 1) * (2 + 1)))
    assert found[0, 2] == pytest.approx(0.5 / math.sqrt((2 + 0.5 + 1) * (1.5 + 1)))


@pytest.mark.parametrize("seed", range(3))
def test_ease_keeps_the_strongest_weights_above_zero_of_the_most_liked_items(seed: int) -> None:
    histories, settings = drawn(seed), RelationSettings(ridge=5.0, ease_items=12, neighbors=4)
    found = relate_items(histories, ITEMS, settings).sparse["ease"].toarray()
    users = liked(histories).sum(axis=0)
    chosen = sorted(sorted(range(ITEMS), key=lambda place: (-users[place], place))[:12])
    some = liked(histories)[:, chosen]
    whole = ease(some.T @ some, 5.0)
    for row, place in enumerate(chosen):
        best = sorted((-weight, column) for column, weight in enumerate(whole[row]) if weight > 1e-6)[:4]
        expected = {chosen[column]: -weight for weight, column in best}
        assert {other: found[place, other] for other in np.flatnonzero(found[place])} == pytest.approx(expected)
    assert not found[[place for place in range(ITEMS) if place not in chosen]].any()


@pytest.mark.parametrize("relation", SPARSE)
def test_an_item_keeps_no_more_neighbours_than_it_may(relation: str) -> None:
    wide, narrow = (
        relate_items(drawn(1), ITEMS, RelationSettings(neighbors=most)).sparse[relation] for most in (99, 3)
    )
    assert max(np.diff(wide.indptr)) > 3, "otherwise nothing is cut"
    assert max(np.diff(narrow.indptr)) == 3
    for place in range(ITEMS):
        kept, all_ = narrow[[place]].toarray().ravel(), wide[[place]].toarray().ravel()
        assert sorted(kept[kept > 0]) == sorted(all_[all_ > 0])[-3:]


def test_equal_entries_are_kept_by_place() -> None:
    matrix = csr_array(np.array([[0.0, 3, 1, 3], [2, 2, 2, 0]], np.float32))
    assert strongest(matrix, 2).toarray().tolist() == [[0, 3, 0, 3], [2, 2, 0, 0]]
    assert strongest(matrix, 9).toarray().tolist() == matrix.toarray().tolist()


@pytest.mark.parametrize("seed", range(3))
def test_with_enough_dimensions_smooth_relations_are_the_logarithms_of_the_counts(seed: int) -> None:
    histories = drawn(seed)
    wide = RelationSettings(neighbors=ITEMS, rank=ITEMS)
    found = relate_items(histories, ITEMS, wide)
    every = range(ITEMS)
    liked = np.outer(found.users > 0, found.users > 0)
    near = np.where(liked, np.log(found.sparse["item_knn"].toarray() + NEAR_FLOOR), 0.0)
    assert found.smooth["near"].block(every, every) == pytest.approx(near, abs=1e-5)
    after = np.zeros((ITEMS, ITEMS))
    for history in histories:
        for place, item in enumerate(history.oldest_first):
            for other in history.oldest_first[place + 1 : place + 4]:
                after[item, other] += 1
    damped = after / (np.sqrt(np.outer(after.sum(axis=1) + 1, after.sum(axis=0) + 1)) + 1)
    following = np.where(liked, np.log(damped + NEXT_FLOOR), 0.0)
    assert found.smooth["next"].block(every, every) == pytest.approx(following, abs=1e-5)
    assert relate_items(histories, ITEMS, RelationSettings(rank=3)).smooth["near"].left.shape == (ITEMS, 3)


def signals_of(relations: ItemRelations, item_ids: Sequence[str]) -> Floats:
    """[items, items, relations]: what every item as one of a history says of every other, by way of signals."""
    embeddings = {item_id: np.eye(ITEMS, dtype=np.float32)[place] for place, item_id in enumerate(item_ids)}
    return np.asarray(relate(item_ids, item_ids, relations.signals(item_ids, embeddings)).T, np.float32)


def test_signals_of_items_say_what_the_relations_say() -> None:
    relations, item_ids = relate_items(drawn(2), ITEMS), [f"item {place}" for place in range(ITEMS)]
    told = signals_of(relations, item_ids)
    known = relations.users > 0
    pairs = np.ix_(known, known)
    for place, name in enumerate(SPARSE):
        assert np.array_equal(told[pairs][..., place], relations.sparse[name].toarray()[pairs]), name
    every = range(ITEMS)
    for place, name in enumerate(SMOOTH, start=len(SPARSE)):
        assert told[pairs][..., place] == pytest.approx(relations.smooth[name].block(every, every)[pairs], abs=1e-4)
    assert np.array_equal(told[..., -1], np.eye(ITEMS))
    assert np.isnan(told[~known][..., :-1]).all(), "of what nobody liked only the text is known"


def test_neighbours_stand_in_the_order_of_their_keys_with_a_weight_in_every_relation() -> None:
    found = relate_items([oldest_first(0, 1, 2), oldest_first(2, 3)], 5, NO_SHRINK).signals(list("abcde"), {})
    one = found["a"]
    assert one.neighbors.tolist() == sorted(key_of(item_id) for item_id in "bc")
    assert one.weights.shape == (2, len(SPARSE))
    assert one.embedding is None
    assert found["e"].smooth is None
    assert len(found["e"].neighbors) == 0


def test_nobody_and_nothing_relate_to_nothing() -> None:
    nobody = relate_items([], 3)
    assert nobody.users.tolist() == [0, 0, 0]
    assert all(matrix.nnz == 0 for matrix in nobody.sparse.values())
    assert all(one.smooth is None for one in nobody.signals(list("abc"), {}).values())
    nothing = relate_items([], 0)
    assert nothing.signals([], {}) == {}


def test_the_same_histories_give_the_same_relations_to_the_last_bit() -> None:
    first, second = relate_items(drawn(3), ITEMS), relate_items(drawn(3), ITEMS)
    for name in SPARSE:
        assert np.array_equal(first.sparse[name].toarray(), second.sparse[name].toarray())
    for name in SMOOTH:
        assert np.array_equal(first.smooth[name].left, second.smooth[name].left)
