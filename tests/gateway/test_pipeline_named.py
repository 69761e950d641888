"""Items that the caller names: beside a query the one whose text is nearest comes first; else, where nothing was fitted
that could order them, they keep the caller's order, and the answer says so."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.domain.errors import InvalidRequest, ModelUnavailable, NotFound, Violation
from gateway.domain.order import OrderedBy, RankedBy, Reading, RequestKind
from gateway.domain.values import Candidate, Context, Item, RankedList, RankingOptions, Reason
from tests.fakes.rankers import without_trees
from tests.gateway.rig import Rig, call, ids

ALIEN = Context(query="alien")
NAMED = ["m0", "m2", "m3", "m4"]
ALL = RankingOptions()
BY_TEXT, BY_CALLER = (RankedBy(OrderedBy.FIRST_STAGE, version) for version in ("text_ann", "caller"))


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Of a model version that was judged to pay for texts that only the caller knows."""
    rig = Rig(tmp_path)
    rig.scorer.model = replace(rig.model, bundle=replace(rig.model.bundle, reading=frozenset({RequestKind.INLINE})))
    return rig


async def reranked(
    rig: Rig, context: Context = ALIEN, options: RankingOptions = ALL, *more: Candidate, named: list[str] = NAMED
) -> RankedList:
    candidates = [Candidate(item_id, rank, 100.0 - rank) for rank, item_id in enumerate(named, start=1)]
    return await rig.pipeline.rerank(context, [*candidates, *more], options, call())


async def test_beside_a_query_the_nearest_text_comes_first_and_nobody_reads(rig: Rig) -> None:
    answer = await reranked(rig)
    assert ids(answer)[0] == "m3"
    assert answer.ranked_by == BY_TEXT
    assert rig.scorer.requests == []
    assert {source for item in answer.items for source in item.sources} == {"text_ann"}
    assert [answer.items[0].first_stage_rank, answer.items[0].score] == [3, None]
    assert answer.degraded == ()


async def test_only_what_was_named_is_compared(rig: Rig) -> None:
    await reranked(rig)
    [query] = rig.by_text.queries
    assert (query.query, query.among, query.limit) == ("alien", frozenset(NAMED), len(NAMED))


async def test_logits_may_be_asked_for_beside_that_order(rig: Rig) -> None:
    answer = await reranked(rig, options=RankingOptions(reading=Reading.ALWAYS))
    assert ids(answer) == ids(await reranked(rig))
    assert answer.ranked_by == BY_TEXT
    assert all(item.logit is not None for item in answer.items)


async def test_who_names_the_model_gets_its_order_whatever_it_was_judged_on(rig: Rig) -> None:
    options = RankingOptions(reading=Reading.ORDERS, require_rerank=True)
    answer = await reranked(rig, options=options)
    assert answer.ranked_by == RankedBy(OrderedBy.READER, rig.model.identity.version)
    scores = [item.score for item in answer.items if item.score is not None]
    assert len(scores) == len(NAMED)
    assert scores == sorted(scores, reverse=True)


async def test_where_texts_cannot_be_compared_the_callers_order_stays_and_the_answer_says_so(rig: Rig) -> None:
    rig.by_text.fault = ModelUnavailable("no bi-encoder")
    answer = await reranked(rig)
    assert ids(answer) == NAMED
    assert answer.ranked_by == BY_CALLER
    assert [(one.reason, one.detail) for one in answer.degraded] == [
        (Reason.SOURCE_UNAVAILABLE, "text_ann: no bi-encoder")
    ]


async def test_a_fault_of_the_request_stays_one(rig: Rig) -> None:
    rig.by_text.fault = InvalidRequest(Violation("context.query", "is wrong"))
    with pytest.raises(InvalidRequest):
        await reranked(rig)


async def test_an_item_that_nobody_knows_is_still_named(rig: Rig) -> None:
    with pytest.raises(NotFound, match="'gone' does not exist"):
        await reranked(rig, named=["m0", "gone"])


async def test_beside_a_query_a_text_of_the_caller_keeps_the_callers_order(rig: Rig) -> None:
    answer = await reranked(rig, ALIEN, ALL, Candidate("new", 5, 0.0, item=Item("new", {"title": "jaws"})))
    assert answer.ranked_by == BY_CALLER
    assert ids(answer) == [*NAMED, "new"]
    assert rig.by_text.queries == []


async def test_the_callers_order_can_be_asked_for(rig: Rig) -> None:
    answer = await reranked(rig, options=RankingOptions(first_stage_order=True))
    assert (ids(answer), answer.ranked_by) == (NAMED, BY_CALLER)
    assert rig.by_text.queries == []


@pytest.mark.parametrize("context", [Context(user_id="u1"), Context(user_id="stranger"), Context(seed_item_id="m1")])
@pytest.mark.parametrize("fitted", [False, True])
async def test_beside_a_history_or_none_they_keep_the_callers_order_where_no_trees_were_better(
    rig: Rig, context: Context, fitted: bool
) -> None:
    if fitted:
        await rig.fit(without_trees("popular"))
    answer = await reranked(rig, context)
    assert (ids(answer), answer.ranked_by) == (NAMED, BY_CALLER)
    assert rig.scorer.requests == []
    assert answer.degraded == ()
