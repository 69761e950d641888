"""Whether the cross-encoder reads: as a request says, else as the settings say; first-stage order on request; which
fields it does not read."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.order import OrderedBy, RankedBy, Reading
from gateway.domain.values import Candidate, CandidateOptions, Context, HistoryEvent, Item, RankedList, RankingOptions
from gateway.pipeline import Pipeline
from tests.gateway.rig import Rig, call, ids

USER = Context(user_id="u1")
ALL = RankingOptions(top_n=100)
FIRST_STAGE = ["m2", "m3", "m4", "m5", "m6", "m7"]


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


async def recommended(rig: Rig, options: RankingOptions) -> RankedList:
    return await rig.pipeline.recommend(USER, CandidateOptions(), options, call())


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


async def test_fields_that_the_model_does_not_read_are_named_once_and_only_where_it_read(rig: Rig) -> None:
    given = [
        Candidate(item_id, rank, 0.0, item=Item(item_id, {"title": "heat", "plot": "a heist", name: "x"}))
        for rank, (item_id, name) in enumerate([("a", "cast"), ("b", "year")], start=1)
    ]
    history = Context(history=(HistoryEvent("h", {"title": "alien", "mood": "dark"}),))
    answer = await rig.pipeline.rerank(history, given, ALL, call())
    assert answer.unread_fields == ("cast", "mood", "plot")
    assert answer.degraded == ()
    unread = await rig.pipeline.rerank(history, given, RankingOptions(reading=Reading.NEVER), call())
    assert unread.unread_fields == ()
    many = Item("c", {f"field {number}": "x" for number in range(30)})
    assert len((await rig.pipeline.rerank(USER, [Candidate("c", 1, 0.0, item=many)], ALL, call())).unread_fields) == 20
    assert (await rig.pipeline.rerank(USER, [Candidate("m4", 1, 0.0)], ALL, call())).unread_fields == ()
