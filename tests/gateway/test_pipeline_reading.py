"""Whether the cross-encoder reads: as a request says, else as the settings say; and first-stage order on request."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.order import OrderedBy, RankedBy, Reading
from gateway.domain.values import CandidateOptions, Context, RankedList, RankingOptions
from gateway.pipeline import Pipeline
from tests.gateway.rig import Rig, call

USER = Context(user_id="u1")
ALL = RankingOptions(top_n=100)
FIRST_STAGE = ["m2", "m3", "m4", "m5", "m6", "m7"]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def recommended(rig: Rig, options: RankingOptions) -> RankedList:
    return await rig.pipeline.recommend(USER, CandidateOptions(), options, call())


def ids(answer: RankedList) -> list[str]:
    return [item.item_id for item in answer.items]


@pytest.mark.parametrize("options", [replace(ALL, first_stage_order=True), replace(ALL, reading=Reading.NEVER)])
async def test_first_stage_order_and_no_reading_can_be_asked_for_where_nothing_was_fitted(
    rig: Rig, options: RankingOptions
) -> None:
    answer = await recommended(rig, options)
    assert ids(answer) == FIRST_STAGE
    assert answer.ranked_by == RankedBy(OrderedBy.FIRST_STAGE, "blend")
    assert rig.scorer.requests == []
    assert answer.degraded == ()


async def test_first_stage_order_may_have_logits_beside_it(rig: Rig) -> None:
    answer = await recommended(rig, replace(ALL, first_stage_order=True, reading=Reading.ALWAYS))
    assert ids(answer) == FIRST_STAGE
    assert all(item.logit is not None and item.score is None for item in answer.items)


@pytest.mark.parametrize(
    ("default", "asked", "reads"),
    [
        (Reading.NEVER, Reading.AUTO, False),
        (Reading.ALWAYS, Reading.AUTO, True),
        (Reading.NEVER, Reading.ALWAYS, True),
        (Reading.ALWAYS, Reading.NEVER, False),
    ],
)
async def test_a_request_decides_on_reading_and_where_it_does_not_the_settings_do(
    rig: Rig, default: Reading, asked: Reading, reads: bool
) -> None:
    pipeline = Pipeline(rig.parts, replace(rig.defaults, reading=default))
    await pipeline.recommend(USER, CandidateOptions(), replace(ALL, reading=asked), call())
    assert bool(rig.scorer.requests) == reads


async def test_settings_that_forbid_reading_do_not_forbid_an_explanation(rig: Rig) -> None:
    pipeline = Pipeline(rig.parts, replace(rig.defaults, reading=Reading.NEVER))
    answer = await pipeline.recommend(USER, CandidateOptions(), RankingOptions(top_n=1, explain=True), call())
    assert answer.items[0].contributions
