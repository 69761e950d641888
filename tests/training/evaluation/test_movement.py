"""How far targets moved, by hand-made orders."""

import pytest

from training.evaluation.lists import EvaluatedList
from training.evaluation.movement import BINS, rank_movement


def one_list(before: list[str], after: list[str], targets: list[str]) -> EvaluatedList:
    return EvaluatedList("u", tuple(targets), (), {"base": tuple(before), "final": tuple(after)})


def placed(rank: int) -> list[str]:
    """A list with "t" at the rank, and much around it."""
    others = [f"o{number}" for number in range(120)]
    return [*others[: rank - 1], "t", *others[rank - 1 :]]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (7, 7, "same rank"),
        (7, 6, "up 1-9"),
        (12, 3, "up 1-9"),
        (13, 3, "up 10-49"),
        (52, 3, "up 10-49"),
        (53, 3, "up 50+"),
        (3, 4, "down 1-9"),
        (3, 13, "down 10-49"),
        (3, 53, "down 50+"),
    ],
)
def test_a_move_falls_into_its_bin(before: int, after: int, expected: str) -> None:
    moved = rank_movement([one_list(placed(before), placed(after), ["t"])], "base", "final").moved
    assert moved == {**dict.fromkeys(BINS, 0), expected: 1}


def test_who_entered_and_left_the_first_ten_is_counted() -> None:
    lists = [
        one_list(placed(11), placed(10), ["t"]),
        one_list(placed(10), placed(11), ["t"]),
        one_list(placed(2), placed(9), ["t"]),
        one_list(["x"], ["t", "x"], ["t"]),
    ]
    found = rank_movement(lists, "base", "final")
    assert (found.entered, found.left) == (2, 1)


def test_targets_in_one_list_only_are_gained_or_lost_and_in_none_nothing() -> None:
    found = rank_movement([one_list(["a", "b"], ["b", "c"], ["a", "c", "ghost"])], "base", "final")
    assert (found.gained, found.lost) == (1, 1)
    assert sum(found.moved.values()) == 0
