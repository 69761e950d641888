"""Segments hold the right targets, and find a gain where it was planted and nowhere else."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from tests.training.evaluation.by_hand import CATALOGUE, POPULARITY, random_evaluated
from training.evaluation.fields import SharedField
from training.evaluation.lists import EvaluatedList
from training.evaluation.segments import Segment, SegmentResult, find_segments, measure_segments
from training.metrics.ranking import measure

AUTHOR = SharedField("author")
LISTS = random_evaluated(240, seed=3)
HISTORY, POPULAR, COLD = (
    "history length, in items (quartiles)",
    "popularity of the target, in interactions (deciles)",
    "cold items",
)


def of_group(group: str, lists: list[EvaluatedList] | None = None) -> list[Segment]:
    return [one for one in find_segments(lists or LISTS, (AUTHOR,), CATALOGUE, POPULARITY) if one.group == group]


def targets_of(segment: Segment) -> set[tuple[int, str]]:
    return {(number, item_id) for number, found in segment.targets.items() for item_id in found}


@pytest.mark.parametrize("group", [HISTORY, POPULAR, COLD, "same author as the history"])
def test_the_segments_of_a_group_part_all_targets(group: str) -> None:
    places = [place for segment in of_group(group) for place in targets_of(segment)]
    assert len(places) == len(set(places)) == 3 * len(LISTS)


def test_history_lengths_fall_into_four_parts_of_about_equal_size_in_order() -> None:
    segments = of_group(HISTORY)
    assert [one.name for one in segments] == ["1 to 2", "3 to 4", "5 to 6", "7 to 8"]
    for segment, (low, high) in zip(segments, [(1, 2), (3, 4), (5, 6), (7, 8)], strict=True):
        assert all(low <= len(LISTS[number].history) <= high for number in segment.targets)
        assert 0.15 < len(segment.targets) / len(LISTS) < 0.35


def test_popularity_falls_into_ten_parts_by_the_target() -> None:
    segments = of_group(POPULAR)
    assert len(segments) == 10
    edges = [(min(found), max(found)) for found in ([POPULARITY[i] for _, i in targets_of(one)] for one in segments)]
    assert edges == sorted(edges)
    assert all(before[1] < after[0] for before, after in pairwise(edges))


def test_equal_values_are_never_parted() -> None:
    same = [replace(one, history=("i00",) if number % 10 else ("i00", "i01")) for number, one in enumerate(LISTS)]
    free = [replace(one, targets=tuple(set(one.targets) - {"i00", "i01"}) or ("i02",)) for one in same]
    assert [one.name for one in of_group(HISTORY, free)] == ["1", "2"]


def test_cold_items_are_those_nobody_had_met() -> None:
    cold = next(one for one in of_group(COLD) if one.name == "cold")
    assert {item_id for _, item_id in targets_of(cold)} == {"i00"}
    assert len(cold.targets) == sum("i00" in one.targets for one in LISTS)


def test_an_item_without_a_count_is_cold() -> None:
    counts = {item_id: count for item_id, count in POPULARITY.items() if item_id != "i05"}
    found = find_segments(LISTS, (), CATALOGUE, counts)
    cold = next(one for one in found if one.name == "cold")
    assert {item_id for _, item_id in targets_of(cold)} == {"i00", "i05"}


def test_a_target_is_like_the_history_when_any_item_of_it_shares_the_value() -> None:
    same = next(one for one in of_group("same author as the history") if one.name == "same")
    for number, one in enumerate(LISTS):
        had = {CATALOGUE[item_id]["author"] for item_id in one.history}
        expected = {item_id for item_id in one.targets if CATALOGUE[item_id]["author"] in had}
        assert same.targets.get(number, frozenset()) == expected


def test_a_group_that_parts_nothing_is_left_out() -> None:
    popular = dict.fromkeys(CATALOGUE, 3)
    groups = {one.group for one in find_segments(LISTS, (SharedField("title"),), CATALOGUE, popular)}
    assert groups == {HISTORY}


def test_a_segment_is_judged_by_its_own_targets() -> None:
    one = EvaluatedList("u", ("a", "b"), (), {"base": ("a", "x", "b"), "final": ("a", "b", "x")})
    other = replace(one, user_id="v", targets=("x",))
    segment = Segment("made up", "b alone", {0: frozenset("b")})
    found = measure_segments([segment], [one, other], "base", "final", seed=1)[0]
    assert (found.lists, found.targets) == (1, 1)
    assert found.base == pytest.approx(measure(("x", "b"), ("b",))["ndcg@10"])
    assert found.final == 1


def test_targets_of_other_segments_do_not_push_a_target_out_of_the_first_ten() -> None:
    others = tuple(f"o{number}" for number in range(5))
    order = (*others, *(f"x{number}" for number in range(9)), "b")
    one = EvaluatedList("u", ("b", *others), (), {"base": order, "final": order})
    found = measure_segments([Segment("made up", "b", {0: frozenset("b")})], [one], "base", "final", seed=1)[0]
    assert found.base == pytest.approx(1 / np.log2(11))


def test_no_segments_have_no_results() -> None:
    assert measure_segments([], LISTS, "weak", "strong", seed=1) == []


def lifted(one: EvaluatedList) -> EvaluatedList:
    """The planted gain: targets that share an author with the history move to the front, others stay."""
    had = {CATALOGUE[item_id]["author"] for item_id in one.history}
    order = one.orders["weak"]
    known = [item_id for item_id in order if item_id in one.targets and CATALOGUE[item_id]["author"] in had]
    return replace(one, orders={"weak": order, "strong": (*known, *(each for each in order if each not in known))})


def test_a_gain_planted_in_one_segment_is_found_there_and_not_in_its_neighbour() -> None:
    lists = [lifted(one) for one in LISTS]
    segments = of_group("same author as the history", lists)
    results: dict[str, SegmentResult] = {
        one.name: one for one in measure_segments(segments, lists, "weak", "strong", seed=1)
    }
    same, another = results["same"], results["another"]
    assert same.final == 1
    assert same.paired.mark == "**"
    assert another.paired.difference == pytest.approx(0, abs=1e-9)
    assert another.paired.p == 1


def test_counts_tell_lists_and_targets() -> None:
    for segment, one in zip(of_group(COLD), measure_segments(of_group(COLD), LISTS, "weak", "strong", 1), strict=True):
        counted = Counter(number for number, _ in targets_of(segment))
        assert (one.lists, one.targets) == (len(counted), counted.total())
