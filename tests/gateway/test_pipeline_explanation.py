"""Why an item stands where it does: what each history item added, and what happens when that cannot be told."""

import asyncio
from pathlib import Path

import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError, DeadlineTooShort, ModelOverloaded, ModelUnavailable
from gateway.domain.values import (
    CandidateOptions,
    Context,
    HistoryEvent,
    Impression,
    Priority,
    RankingOptions,
    Reason,
)
from tests.gateway.rig import CATALOGUE, Rig, call, ids, reasons

USER = Context(user_id="u1")


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def test_an_explanation_is_the_difference_that_leaving_out_a_history_item_makes(rig: Rig) -> None:
    answer = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(top_n=2, explain=True), call())
    for item in answer.items:
        assert item.logit is not None
        stored = CATALOGUE[item.item_id]
        without = {
            "m0": rig.expected_logit(USER, [CATALOGUE["m1"].fields], stored),
            "m1": rig.expected_logit(USER, [CATALOGUE["m0"].fields], stored),
        }
        expected = {left_out: item.logit - logit for left_out, logit in without.items()}
        assert dict(item.contributions) == pytest.approx(expected)
        assert [value for _, value in item.contributions] == sorted(expected.values(), reverse=True)


async def test_an_explanation_names_the_items_that_were_read_and_no_other(rig: Rig) -> None:
    told = {"a": {"title": "alien"}, "unread": {"plot": "nothing that the model reads"}, "b": {"title": "heat"}}
    context = Context(history=tuple(HistoryEvent(item_id, fields) for item_id, fields in told.items()))
    answer = await rig.pipeline.recommend(context, CandidateOptions(), RankingOptions(top_n=1, explain=True), call())
    [item] = answer.items
    assert {item_id for item_id, _ in item.contributions} == {"a", "b"}


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (ModelUnavailable("worker died"), Reason.MODEL_UNAVAILABLE),
        (ModelOverloaded("queue full"), Reason.MODEL_OVERLOADED),
        (DeadlineTooShort("late"), Reason.DEADLINE),
    ],
)
async def test_an_explanation_that_fails_costs_no_list_that_is_ready(
    rig: Rig, required: bool, fault: CrossrankError, reason: Reason
) -> None:
    """The defect this guards against: with require_rerank a finished list became DEADLINE_EXCEEDED."""
    plain = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    rig.scorer.fault = fault
    options = RankingOptions(explain=True, require_rerank=required)
    answer = await rig.pipeline.recommend(USER, CandidateOptions(), options, call())
    assert ids(answer) == ids(plain)
    assert [item.score for item in answer.items] == [item.score for item in plain.items]
    assert reasons(answer) == [reason]
    assert all(item.contributions == () for item in answer.items)


async def test_an_explanation_that_admission_refuses_costs_no_list_that_is_ready(rig: Rig) -> None:
    await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    with rig.admission.admit(10_000, Priority.INTERACTIVE, Budget(5.0)):
        options = RankingOptions(explain=True, require_rerank=True)
        answer = await rig.pipeline.recommend(USER, CandidateOptions(), options, call())
    assert answer.scored_count == 6
    assert reasons(answer) == [Reason.MODEL_OVERLOADED]


async def test_a_late_explanation_leaves_the_time_to_log_the_list(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    left: list[float] = []
    record = rig.shelf.record_impression

    async def timed(impression: Impression, budget: Budget) -> None:
        left.append(budget.left_s)
        await record(impression, budget)

    monkeypatch.setattr(rig.shelf, "record_impression", timed)
    rig.scorer.gate = asyncio.Event()
    answer = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(explain=True), call(0.2))
    assert left[0] > 0
    assert (ids(answer), reasons(answer)) == (ids(plain), [Reason.DEADLINE])
    assert answer.attribution_token
