"""Lists that would mislead are refused, each by the name of its user."""

from dataclasses import replace

import pytest

from tests.training.evaluation.by_hand import CATALOGUE, PLAN, POPULARITY, random_evaluated
from training.evaluation.evaluate import evaluate
from training.evaluation.lists import EvaluatedList, ListsInvalid, check_lists
from training.evaluation.plan import EvaluationPlan

GOOD = random_evaluated(3, seed=1)


def with_second(changed: EvaluatedList) -> list[EvaluatedList]:
    return [GOOD[0], changed, GOOD[2]]


def test_lists_as_they_should_be_pass() -> None:
    check_lists(GOOD, CATALOGUE)
    PLAN.check(GOOD[0].orders)


def test_no_lists_at_all_are_refused() -> None:
    with pytest.raises(ListsInvalid, match="no list to evaluate"):
        evaluate([], PLAN, CATALOGUE, POPULARITY)


def test_a_target_in_the_history_is_a_leak() -> None:
    one = replace(GOOD[1], history=(*GOOD[1].history, GOOD[1].targets[1]))
    with pytest.raises(ListsInvalid, match=f"user u1: target '{GOOD[1].targets[1]}' stands in the history"):
        check_lists(with_second(one), CATALOGUE)


def test_a_user_without_targets_is_refused() -> None:
    with pytest.raises(ListsInvalid, match="user u1 has no target"):
        check_lists(with_second(replace(GOOD[1], targets=())), CATALOGUE)


def test_a_user_with_two_lists_is_refused() -> None:
    with pytest.raises(ListsInvalid, match="user u0 has two lists"):
        check_lists(with_second(replace(GOOD[1], user_id="u0")), CATALOGUE)


def test_a_row_that_some_users_lack_is_refused() -> None:
    orders = {name: order for name, order in GOOD[1].orders.items() if name != "weak"}
    with pytest.raises(ListsInvalid, match="user u1 has other rows than the first user: weak"):
        check_lists(with_second(replace(GOOD[1], orders=orders)), CATALOGUE)


def test_an_order_that_repeats_an_item_is_refused() -> None:
    order = GOOD[1].orders["weak"]
    one = replace(GOOD[1], orders={**GOOD[1].orders, "weak": (*order, order[0])})
    with pytest.raises(ListsInvalid, match="user u1: row weak names an item twice"):
        check_lists(with_second(one), CATALOGUE)


def test_an_item_that_is_not_in_the_catalogue_is_refused() -> None:
    one = replace(GOOD[1], orders={**GOOD[1].orders, "weak": ("i01", "ghost")})
    with pytest.raises(ListsInvalid, match="row weak names 'ghost', which is not in the catalogue"):
        check_lists(with_second(one), CATALOGUE)


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (EvaluationPlan(("weak", "missing"), final="strong"), "no list has the row 'missing'"),
        (EvaluationPlan(("weak",), final="reranked"), "no list has the row 'reranked'"),
        (EvaluationPlan(("weak",), ("trees",), final="strong"), "no list has the row 'trees'"),
        (EvaluationPlan((), final="strong"), "nothing but 'strong' is planned"),
        (EvaluationPlan(("weak", "strong"), final="strong"), "nothing but 'strong' is planned"),
    ],
)
def test_a_plan_that_does_not_fit_the_lists_is_refused(plan: EvaluationPlan, message: str) -> None:
    with pytest.raises(ListsInvalid, match=message):
        evaluate(GOOD, plan, CATALOGUE, POPULARITY)
