"""A history is read in the order that is asked for, whichever it was given in."""

import pytest

from gateway.domain.history import History

HISTORY = History(oldest_first=("a", "b", "c"))


def test_both_orders_are_those_of_the_same_events() -> None:
    assert HISTORY.oldest_first == ("a", "b", "c")
    assert HISTORY.newest_first == ("c", "b", "a")
    assert History.from_newest_first(["c", "b", "a"]) == HISTORY


@pytest.mark.parametrize(
    ("count", "kept"), [(0, ()), (1, ("c",)), (2, ("b", "c")), (3, ("a", "b", "c")), (9, ("a", "b", "c"))]
)
def test_the_newest_stay_in_their_order(count: int, kept: tuple[str, ...]) -> None:
    assert HISTORY.newest(count).oldest_first == kept
    assert len(HISTORY.newest(count)) == len(kept)


def test_mapped_items_stand_where_theirs_stood() -> None:
    assert HISTORY.map(str.upper).newest_first == ("C", "B", "A")


def test_nothing_is_a_history_too() -> None:
    assert not History()
    assert History().newest_first == ()
