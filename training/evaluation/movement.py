"""How far re-ranking moved the targets. Knows no statistics."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from training.evaluation.lists import EvaluatedList

BINS = ("down 50+", "down 10-49", "down 1-9", "same rank", "up 1-9", "up 10-49", "up 50+")


@dataclass(frozen=True, slots=True)
class Movement:
    """Targets by what happened between the base row and the final one. ``moved``: how many of those in both lists, by
    bin. ``entered``/``left``: the first ten. ``gained``/``lost``: stand only in the final, only in the base row."""

    moved: dict[str, int]
    entered: int
    left: int
    gained: int
    lost: int


def rank_movement(lists: Sequence[EvaluatedList], base: str, final: str, depth: int = 10) -> Movement:
    """Of all targets of all lists."""
    moved = Counter(dict.fromkeys(BINS, 0))
    entered = left = gained = lost = 0
    for one in lists:
        before = {item_id: rank for rank, item_id in enumerate(one.orders[base], start=1)}
        after = {item_id: rank for rank, item_id in enumerate(one.orders[final], start=1)}
        for item_id in set(one.targets):
            was, now = before.get(item_id), after.get(item_id)
            was_top, now_top = was is not None and was <= depth, now is not None and now <= depth
            entered += now_top and not was_top
            left += was_top and not now_top
            gained += was is None and now is not None
            lost += was is not None and now is None
            if was is not None and now is not None:
                moved[_bin(was - now)] += 1
    return Movement(dict(moved), entered, left, gained, lost)


def _bin(upwards: int) -> str:
    """BINS lie symmetric around no movement."""
    steps = sum(abs(upwards) >= edge for edge in (1, 10, 50))
    return BINS[3 + (steps if upwards > 0 else -steps)]
