"""Rows of cold items: a gain where it was planted, a loss of warm items told, and the promise held to both."""

from dataclasses import replace

import pytest

from training.evaluation.cold import AMONG_COLD, COLD, FIRST_TEN, WARM, ColdCase, ColdResult, judge_cold
from training.evaluation.lists import EvaluatedList, ListsInvalid
from training.evaluation.plan import RERANKED, WITHOUT_COLD

OTHERS = tuple(f"o{number}" for number in range(12))
ITEMS = frozenset({"cold", "colder"})
BURIED, FIRST = (*OTHERS, "cold"), ("cold", *OTHERS)


def case(number: int, *, trees: tuple[str, ...] = FIRST, without_place: int = 1, history: int = 1) -> ColdCase:
    """``trees`` rank the list, the others bury the cold target. The warm target o0 stands at ``without_place`` of the
    list without places for cold items, which is where the trees have it in theirs."""
    orders = {RERANKED: trees, WITHOUT_COLD: BURIED}
    items = tuple(f"h{place}" for place in range(history))
    without = (*OTHERS[1 : without_place + 1], "o0", *OTHERS[without_place + 1 :])
    whole = EvaluatedList(f"u{number}", ("o0", "cold"), items, orders)
    return ColdCase(whole, frozenset({"cold"}), frozenset(OTHERS), without)


def result(*cases: ColdCase) -> ColdResult:
    return judge_cold(cases, ITEMS)


def test_a_cold_target_that_comes_first_is_worth_all_and_one_that_is_buried_nothing() -> None:
    found = result(*map(case, range(20)))
    for metric in ("ndcg@10", FIRST_TEN):
        row = found.row(COLD, metric)
        assert (row.without, row.trees, row.lists, row.ratio) == (0, 1, 20, None)
    assert found.row(WARM).paired.difference == 0
    assert found.good
    assert "is kept: NDCG@10 1.0000 against 0.0000 without the step, p " in found.sentence


def test_a_ratio_is_that_of_both_means() -> None:
    late = (*OTHERS[:2], "cold", *OTHERS[2:])
    early = [replace(one, whole=replace(one.whole, orders={RERANKED: FIRST, WITHOUT_COLD: late})) for one in [case(1)]]
    assert result(*early, *early[:0]).row(COLD).ratio == pytest.approx(2.0)


def test_the_order_of_cold_items_alone_is_told_wherever_warm_ones_stand() -> None:
    orders = {RERANKED: (*OTHERS, "cold", "colder"), WITHOUT_COLD: (*OTHERS, "colder", "cold")}
    found = result(replace(case(1), whole=replace(case(1).whole, orders=orders)))
    assert (found.row(COLD).trees, found.row(AMONG_COLD).trees) == (0, 1)
    assert found.row(AMONG_COLD).without == pytest.approx(0.6309, abs=1e-4)


def test_what_is_gained_on_few_lists_may_be_chance() -> None:
    assert not result(case(0), case(1)).good


def test_warm_items_may_not_pay_for_it() -> None:
    found = result(*(case(number, without_place=int(number > 0)) for number in range(100)))
    assert found.row(WARM).paired.difference == pytest.approx((0.6309 - 1) / 100, abs=1e-4)
    assert not found.good
    assert "is NOT kept" in found.sentence


def test_a_cold_target_that_stays_where_it_was_gains_nothing() -> None:
    assert not result(*(case(number, trees=BURIED) for number in range(20))).good


def test_lists_without_a_cold_target_count_for_warm_items_alone() -> None:
    warm = [replace(case(number), cold=frozenset()) for number in range(5)]
    warm = [replace(one, whole=replace(one.whole, targets=("o0",))) for one in warm]
    found = result(*warm, *(case(number) for number in range(5, 8)))
    assert (found.row(COLD).lists, found.row(WARM).lists) == (3, 8)
    with pytest.raises(ListsInvalid, match="nobody liked one of the 2 hidden items"):
        result(*warm)


def test_short_and_long_histories_have_a_row_each() -> None:
    found = result(*(case(number, history=1 + number % 2) for number in range(20)))
    assert [one.segment for one in found.rows[5:]] == ["short histories", "long histories"]
    assert ([one.lists for one in found.rows[5:]], found.short) == ([10, 10], 1.5)


def test_histories_of_one_length_are_not_parted() -> None:
    assert [one.segment for one in result(case(0), case(1)).rows[5:]] == ["short histories"]


def test_shares_tell_what_sources_propose_what_lists_hold_and_what_they_would_hold_without_places() -> None:
    found = result(case(0), replace(case(1), proposed=ITEMS), replace(case(2), proposed=ITEMS, without=FIRST))
    assert (found.proposed, found.listed, found.unkept) == pytest.approx((2 / 3, 1, 1 / 3))


def test_all_items_are_compared_as_they_are_served() -> None:
    late = (*OTHERS[:3], "cold", *OTHERS[3:])
    orders = {RERANKED: late, WITHOUT_COLD: FIRST}
    row = result(*(replace(one, whole=replace(one.whole, orders=orders)) for one in [case(0)])).row("all items")
    assert row.trees > row.without, "no place was kept for what the others would have put first"


def test_plain_data_has_every_row_with_its_ratio_and_its_test() -> None:
    told = result(*map(case, range(3))).to_dict()
    assert told["items"] == 2
    first = told["rows"][0]
    assert (first["segment"], first["ratio"], first["paired"]["difference"]) == (COLD, None, 1.0)
