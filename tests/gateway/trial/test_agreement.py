"""Agreement of two rankings: against a reference, at its ends, and over the items that both scored."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from scipy.stats import kendalltau

from gateway.domain.comparison import TOP
from gateway.domain.order import OrderedBy, RankedBy
from gateway.domain.values import Candidate
from gateway.ranking.order import RankedCandidate
from gateway.ranking.request import ListDraft
from gateway.trial.agreement import agreement, kendall_tau


def ordered(placed: Sequence[RankedCandidate], by: OrderedBy = OrderedBy.READER) -> ListDraft:
    """A list that something ordered."""
    return ListDraft(placed, [one.candidate for one in placed], {}, ranked_by=RankedBy(by, "1"))


def placed(item_id: str, score: float | None, logit: float | None = None) -> RankedCandidate:
    return RankedCandidate(Candidate(item_id, 1, 0.0), score if logit is None else logit, score)


def scored(ids: list[str]) -> list[RankedCandidate]:
    """A whole order with scores that fall evenly."""
    return [placed(item_id, 1.0 - place / len(ids)) for place, item_id in enumerate(ids)]


def ranking(ids: list[str]) -> ListDraft:
    """The same as the list of a model."""
    return ordered(scored(ids))


@pytest.mark.parametrize("size", [2, 3, 10, 57, 300])
def test_tau_is_that_of_the_reference(size: int) -> None:
    seed = random.SystemRandom().randrange(2**31)
    order = np.random.default_rng(seed).permutation(size)
    expected = kendalltau(np.arange(size), order).statistic
    assert kendall_tau(order) == pytest.approx(expected, abs=1e-12), f"seed {seed}"


def test_equal_and_reversed_orders_are_the_ends() -> None:
    ids = [f"i{number}" for number in range(30)]
    same, reverse = agreement(ranking(ids), ranking(ids)), agreement(ranking(ids), ranking(ids[::-1]))
    assert same is not None
    assert reverse is not None
    assert (same.kendall_tau, same.top_overlap) == (1.0, 1.0)
    assert (reverse.kendall_tau, reverse.top_overlap) == (-1.0, 0.0)


def test_the_overlap_looks_at_the_first_ten_only() -> None:
    ids = [f"i{number}" for number in range(40)]
    head_shuffled = agreement(ranking(ids), ranking(ids[:TOP][::-1] + ids[TOP:]))
    tail_shuffled = agreement(ranking(ids), ranking(ids[:TOP] + ids[TOP:][::-1]))
    three_replaced = agreement(ranking(ids), ranking(ids[:7] + ids[20:23] + ids[7:20] + ids[23:]))
    assert [one and one.top_overlap for one in (head_shuffled, tail_shuffled, three_replaced)] == [1.0, 1.0, 0.7]


def test_the_overlap_of_a_list_shorter_than_ten_is_of_the_whole_list() -> None:
    found = agreement(ranking(["a", "b", "c"]), ranking(["c", "b", "a"]))
    assert found is not None
    assert found.top_overlap == 1.0


def test_shifts_are_challenger_minus_champion_of_the_same_item() -> None:
    before = [placed("a", 0.9, 2.0), placed("b", 0.5, 0.0), placed("c", 0.1, -2.0)]
    after = [placed("c", 0.8, 1.0), placed("a", 0.7, 0.5), placed("b", 0.6, 0.25)]
    found = agreement(ordered(before), ordered(after))
    assert found is not None
    assert found.score
    assert found.logit
    assert found.score.mean == pytest.approx((0.7 - 0.2 + 0.1) / 3)
    assert found.logit.mean == pytest.approx((3.0 - 1.5 + 0.25) / 3)
    assert found.logit.p95 == pytest.approx(np.percentile([3.0, 1.5, 0.25], 95))


def test_items_that_one_side_did_not_score_are_left_out() -> None:
    before = [*scored(["a", "b", "c"]), placed("late", None)]
    after = [*scored(["late", "a", "b"]), placed("c", None)]
    found = agreement(ordered(before), ordered(after))
    assert found is not None
    assert (found.items, found.kendall_tau) == (2, 1.0)


def test_first_stage_order_has_no_scores_and_is_compared_whole() -> None:
    ids = [f"i{number}" for number in range(12)]
    first_stage = ordered([placed(item_id, None) for item_id in ids], OrderedBy.FIRST_STAGE)
    found = agreement(first_stage, ordered(scored(ids[::-1]), OrderedBy.TREES))
    assert found is not None
    assert (found.items, found.kendall_tau) == (12, -1.0)
    assert (found.score, found.logit) == (None, None)


def test_scores_of_trees_compare_with_scores_of_trees_alone() -> None:
    def trees(score: float) -> ListDraft:
        return ordered([RankedCandidate(Candidate(one, 1, 0.0), None, score) for one in "ab"], OrderedBy.TREES)

    alike, other = agreement(trees(0.5), trees(0.7)), agreement(trees(0.5), ranking(["a", "b"]))
    assert alike is not None
    assert alike.score is not None
    assert alike.score.mean == pytest.approx(0.2)
    assert alike.logit is None
    assert other is not None
    assert other.score is None


@pytest.mark.parametrize("common", [0, 1])
def test_fewer_than_two_common_items_cannot_be_compared(common: int) -> None:
    shared = [f"s{number}" for number in range(common)]
    assert agreement(ranking([*shared, "a"]), ranking([*shared, "b"])) is None
