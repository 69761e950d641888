"""The train-only statistics: counts by hand, and a user who is left out leaves no trace."""

import tracemalloc

import numpy as np
import numpy.typing as npt
import pytest

from gateway.catalog import low_rank
from tests.training.histories import oldest_first
from training.first_stage.cooccurrence import Cooccurrence, SmoothCooccurrence
from training.options.cooccurrence import CooccurrenceOptions

ITEMS = ("a", "b", "c", "d", "e", "f")


def first_stage(*histories: str, window: int = 10) -> Cooccurrence:
    return Cooccurrence(ITEMS, [oldest_first(*one) for one in histories], CooccurrenceOptions(window=window))


def test_users_of_two_items_are_counted_both_ways_and_order_one_way() -> None:
    found = first_stage("abc", "ba", "c")
    assert found.together[0, 1] == found.together[1, 0] == 2
    assert (found.follows[0, 1], found.follows[1, 0]) == (1, 1)
    assert (found.follows[0, 2], found.follows[2, 0]) == (1, 0)
    assert found.popular.tolist() == [2, 2, 2, 0, 0, 0]
    assert not found.together.diagonal().any()


def test_only_what_came_soon_after_follows() -> None:
    assert first_stage("abcd", window=2).follows.toarray()[0].tolist() == [0, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("seed", range(5))
def test_a_user_left_out_leaves_no_trace(seed: int) -> None:
    random = np.random.default_rng(seed)
    others = ["".join(random.permutation(list(ITEMS))[: random.integers(2, 6)]) for _ in range(6)]
    mine = "".join(random.permutation(list(ITEMS)))[:5]
    with_me, without_me = first_stage(*others, mine), first_stage(*others)
    own = with_me.places(oldest_first(*mine)).oldest_first
    left_out = with_me.features(oldest_first(*own[:3]), own)
    fresh = without_me.features(oldest_first(*own[:3]))
    # The marginal sums of "follows" still hold the user; the counts themselves do not.
    assert left_out[:, 0] == pytest.approx(fresh[:, 0]), f"seed {seed}"
    assert left_out[:, 2] == pytest.approx(fresh[:, 2]), f"seed {seed}"
    zero = with_me.follows[list(own[:3])].sum(axis=0) == 0
    assert left_out[zero, 1] == pytest.approx(np.log(0.02)), f"seed {seed}"


def test_a_recent_item_says_more_than_an_old_one() -> None:
    found = first_stage("ac", "bd", "e", "f")
    near_c, near_d = found.features(oldest_first(0, 1))[[2, 3], 0]
    assert near_d > near_c


def test_items_liked_by_the_same_users_have_near_vectors() -> None:
    vectors = first_stage("abc", "abc", "abc", "def", "def", "def", "ad").vectors(1)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    assert vectors[0] @ vectors[1] > 0 > vectors[0] @ vectors[4]


def test_an_item_that_hardly_anybody_liked_has_no_vector() -> None:
    vectors = first_stage("ab", "ab", "abf").vectors(8)
    assert vectors.shape == (6, 8)
    assert not vectors[[2, 3, 4, 5]].any()


def test_iteration_gives_a_large_catalogue_what_a_small_one_gets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Iteration finds what the whole decomposition finds; of a vector only the sign of each axis is free."""
    random = np.random.default_rng(3)
    items = [str(number) for number in range(60)]
    histories = [oldest_first(*random.permutation(items)[: random.integers(5, 30)].tolist()) for _ in range(200)]

    def decomposed() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
        found = Cooccurrence(items, histories, CooccurrenceOptions())
        smooth = SmoothCooccurrence(found, recent_items=5, rank=8)
        return found.vectors(6), smooth.features(found.places(oldest_first(*items[:5])))

    exact, exact_smooth = decomposed()
    monkeypatch.setattr(low_rank, "EXACT_ITEMS", 10)
    iterated, iterated_smooth = decomposed()
    np.testing.assert_allclose(np.abs(iterated), np.abs(exact), atol=1e-5)
    np.testing.assert_allclose(iterated_smooth, exact_smooth, atol=1e-8)


def test_a_large_catalogue_takes_no_square_of_itself_in_memory() -> None:
    count = 20_000
    items = [str(number) for number in range(count)]
    random = np.random.default_rng(4)
    histories = [oldest_first(*(items[place] for place in random.integers(0, 500, 20))) for _ in range(100)]
    tracemalloc.start()
    try:
        found = Cooccurrence(items, histories, CooccurrenceOptions())
        assert found.vectors(8).shape == (count, 8)
        smooth = SmoothCooccurrence(found, recent_items=5, rank=8)
        assert np.isfinite(smooth.features(found.places(histories[0].newest(5)))).all()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < count * count  # bytes: an eighth of one square of doubles
