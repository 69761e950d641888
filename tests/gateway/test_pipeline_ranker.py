"""The path of a request where a ranker was fitted: what orders the list, whether the cross-encoder is asked, and what
the answer says of both."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gateway.domain.errors import ModelUnavailable, StoreUnavailable
from gateway.domain.order import OrderedBy, Orderer, RankedBy, Reading, RequestKind
from gateway.domain.values import (
    Candidate,
    CandidateOptions,
    Context,
    HistoryEvent,
    Item,
    RankedList,
    RankingOptions,
    Reason,
)
from gateway.ranker.fitted import FittedRanker
from gateway.ranker.signals import SPARSE
from tests.fakes.rankers import steps, with_trees, without_trees
from tests.fakes.signals import liked
from tests.gateway.rig import CATALOGUE, Rig, call, ids

USER, NEW_USER, QUERY = Context(user_id="u1"), Context(user_id="stranger"), Context(query="space")
TREES = with_trees(steps("relation_sum:ease", 0.5, 1.5, 2.5))
ALL = RankingOptions(top_n=100)
FIRST_STAGE = ["m2", "m3", "m4", "m5", "m6", "m7"]
BY_TREES = ["m6", "m4", "m2", "m3", "m5", "m7"]
"""What the history, m0 and m1, speaks for, and then first-stage order."""


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    """Everybody's history speaks for m6 most, then for m4, then for m2."""
    rig = Rig(tmp_path)
    random = np.random.default_rng(1)
    spoken_for = {"m6": [3.0] * len(SPARSE), "m4": [2.0] * len(SPARSE), "m2": [1.0] * len(SPARSE)}
    rig.signals.signals = {item_id: liked(random, spoken_for if item_id == "m0" else {}) for item_id in CATALOGUE}
    return rig


def judged(rig: Rig, *pays: RequestKind) -> None:
    """The model version has a verdict."""
    bundle = replace(rig.model.bundle, reading=frozenset(pays))
    rig.scorer.model = replace(rig.model, bundle=bundle)


async def recommended(rig: Rig, options: RankingOptions = ALL, context: Context = USER) -> RankedList:
    return await rig.pipeline.recommend(context, CandidateOptions(), options, call())


def inline(*titles: str) -> list[Candidate]:
    return [
        Candidate(f"c{rank}", rank, -float(rank), item=Item(f"c{rank}", {"title": title}))
        for rank, title in enumerate(titles, start=1)
    ]


async def test_trees_order_the_list_and_nobody_asks_the_cross_encoder(rig: Rig) -> None:
    await rig.fit(TREES)
    answer = await recommended(rig)
    assert ids(answer) == BY_TREES
    assert answer.ranked_by == RankedBy(OrderedBy.TREES, TREES.version)
    assert rig.scorer.requests == []
    assert [item.logit for item in answer.items] == [None] * 6
    scores = [item.score for item in answer.items if item.score is not None]
    assert len(scores) == 6
    assert scores == sorted(scores, reverse=True)
    assert (answer.degraded, answer.scored_count, answer.cache_hits) == ((), 0, 0)
    assert (answer.usage.scored_tokens, answer.usage.model_requests) == (0, 0)


async def test_stages_of_a_list_that_is_not_read_are_few_and_signals_are_one_of_them(rig: Rig) -> None:
    await rig.fit(TREES)
    answer = await recommended(rig)
    assert [name for name, _ in answer.stages] == ["history", "candidates", "items", "signals", "rank", "log"]
    judged(rig, RequestKind.WARM)
    stages = [name for name, _ in (await recommended(rig)).stages]
    assert stages[3:] == ["signals", "render", "cache", "encode", "score", "rank", "log"]


async def test_logits_stand_beside_the_order_of_the_trees_when_they_are_asked_for(rig: Rig) -> None:
    await rig.fit(TREES)
    unread = await recommended(rig)
    answer = await recommended(rig, replace(ALL, reading=Reading.ALWAYS))
    assert ids(answer) == BY_TREES
    assert [item.score for item in answer.items] == [item.score for item in unread.items]
    history = [CATALOGUE["m0"].fields, CATALOGUE["m1"].fields]
    expected = [rig.expected_logit(USER, history, CATALOGUE[item_id]) for item_id in BY_TREES]
    assert [item.logit for item in answer.items] == expected
    assert answer.ranked_by.by is OrderedBy.TREES
    assert answer.scored_count == 6


async def test_the_model_server_may_be_away_where_nothing_is_read(rig: Rig) -> None:
    await rig.fit(TREES)
    whole = await recommended(rig)
    rig.scorer.fault = ModelUnavailable("worker died")
    assert ids(await recommended(rig)) == BY_TREES
    rig.scorer.model = None
    answer = await recommended(rig, replace(ALL, require_rerank=True))
    assert (ids(answer), answer.degraded) == (BY_TREES, ())
    assert [item.score for item in answer.items] == [item.score for item in whole.items]


async def test_where_reading_was_wanted_and_failed_the_trees_order_and_the_answer_says_so(rig: Rig) -> None:
    await rig.fit(TREES)
    judged(rig, RequestKind.WARM)
    assert (await recommended(rig)).ranked_by == RankedBy(OrderedBy.READER, "1")
    rig.scorer.fault = ModelUnavailable("worker died")
    rig.shelf.histories["u2"] = ["m0"]
    answer = await recommended(rig, context=Context(user_id="u2"))
    assert [one.reason for one in answer.degraded] == [Reason.MODEL_UNAVAILABLE]
    assert answer.ranked_by == RankedBy(OrderedBy.TREES, TREES.version)
    assert ids(answer)[:3] == ["m6", "m4", "m2"]
    assert rig.shelf.impressions[-1].orderer == Orderer("cross_encoder", "1"), "what was to order it is logged"


async def test_a_caller_who_requires_reranking_gets_an_error_only_where_the_reader_was_to_order(rig: Rig) -> None:
    await rig.fit(TREES)
    rig.scorer.fault = ModelUnavailable("worker died")
    required = replace(ALL, require_rerank=True)
    assert (await recommended(rig, required)).ranked_by.by is OrderedBy.TREES
    judged(rig, RequestKind.WARM)
    with pytest.raises(ModelUnavailable, match="require_rerank"):
        await recommended(rig, required)


async def test_signals_that_are_away_leave_first_stage_order_and_the_answer_says_so(rig: Rig) -> None:
    await rig.fit(with_trees(TREES.trees, "popular") if TREES.trees else TREES)
    rig.signals.away = True
    answer = await recommended(rig)
    assert ids(answer) == FIRST_STAGE
    assert [one.reason for one in answer.degraded] == [Reason.SIGNALS_UNAVAILABLE]
    assert answer.ranked_by == RankedBy(OrderedBy.FIRST_STAGE, "popular")
    assert all(item.score is None for item in answer.items)
    assert rig.scorer.requests == []


@pytest.mark.parametrize("pays", [(), (RequestKind.WARM,)])
async def test_first_stage_order_comes_whatever_was_fitted_and_asks_for_nothing(
    rig: Rig, pays: tuple[RequestKind, ...]
) -> None:
    await rig.fit(with_trees(steps("relation_sum:ease", 0.5), "popular"))
    judged(rig, *pays)
    answer = await recommended(rig, replace(ALL, first_stage_order=True))
    assert answer.ranked_by == RankedBy(OrderedBy.FIRST_STAGE, "popular")
    assert rig.signals.asked_of_history == []
    assert rig.scorer.requests == []


async def test_an_explanation_is_of_logits_so_that_it_asks_for_reading(rig: Rig) -> None:
    await rig.fit(TREES)
    answer = await recommended(rig, RankingOptions(top_n=2, explain=True))
    assert ids(answer) == BY_TREES[:2]
    assert answer.ranked_by.by is OrderedBy.TREES
    assert all(item.logit is not None and len(item.contributions) == 2 for item in answer.items)


@pytest.mark.parametrize("ranker", [None, TREES, without_trees("popular")], ids=["none", "trees", "first stage"])
@pytest.mark.parametrize("pays", [None, (), tuple(RequestKind)], ids=["not judged", "never pays", "always pays"])
@pytest.mark.parametrize(
    ("context", "candidates"),
    [
        (USER, None),
        (NEW_USER, None),
        (QUERY, None),
        (replace(USER, session_query="space"), None),
        (USER, inline("heat")),
    ],
    ids=[kind.value for kind in RequestKind],
)
async def test_every_kind_of_request_has_the_order_that_was_shown_to_pay(
    rig: Rig,
    context: Context,
    candidates: list[Candidate] | None,
    pays: tuple[RequestKind, ...] | None,
    ranker: FittedRanker | None,
) -> None:
    if ranker:
        await rig.fit(ranker)
    if pays is not None:
        judged(rig, *pays)
    if candidates:
        answer = await rig.pipeline.rerank(context, candidates, ALL, call())
    else:
        answer = await recommended(rig, context=context)
    warm = context == USER and not candidates
    reader_orders = bool(pays) or (ranker is None and pays is None)
    if reader_orders:
        expected = RankedBy(OrderedBy.READER, "1")
    elif warm and ranker is TREES:
        expected = RankedBy(OrderedBy.TREES, TREES.version)
    else:
        version = "caller" if candidates else "popular" if warm and ranker else "blend"
        expected = RankedBy(OrderedBy.FIRST_STAGE, version)
    assert answer.ranked_by == expected
    names = {OrderedBy.READER: "cross_encoder", OrderedBy.TREES: "ranker", OrderedBy.FIRST_STAGE: "first_stage"}
    [shown] = rig.shelf.impressions
    assert shown.orderer == Orderer(names[expected.by], expected.version)
    assert bool(rig.scorer.requests) == reader_orders
    assert bool(rig.signals.asked_of_history) == (warm and ranker is TREES)
    assert answer.degraded == ()


async def test_the_kind_of_a_request_is_logged(rig: Rig) -> None:
    for context in (USER, NEW_USER, QUERY, replace(USER, session_query="space")):
        await recommended(rig, context=context)
    await rig.pipeline.rerank(USER, inline("heat"), ALL, call())
    assert [shown.kind for shown in rig.shelf.impressions] == list(RequestKind)


async def test_candidates_that_the_caller_names_are_ordered_by_trees_too(rig: Rig) -> None:
    await rig.fit(TREES)
    named = [Candidate(item_id, rank, -float(rank)) for rank, item_id in enumerate(["m7", "m2", "m6"], start=1)]
    answer = await rig.pipeline.rerank(USER, named, ALL, call())
    assert ids(answer) == ["m6", "m2", "m7"]
    assert answer.ranked_by == RankedBy(OrderedBy.TREES, TREES.version)


async def test_a_seed_and_a_history_of_the_caller_are_histories(rig: Rig) -> None:
    await rig.fit(TREES)
    for context in (Context(seed_item_id="m0"), Context(history=(HistoryEvent("m0"),))):
        answer = await rig.pipeline.recommend(context, CandidateOptions(limit=8), ALL, call())
        assert answer.items[0].item_id == "m6", context
        assert answer.ranked_by.by is OrderedBy.TREES


async def test_a_history_that_cannot_be_read_is_no_history(rig: Rig) -> None:
    await rig.fit(TREES)
    rig.shelf.faults["recent"] = StoreUnavailable("away")
    answer = await recommended(rig)
    assert answer.ranked_by == RankedBy(OrderedBy.FIRST_STAGE, "blend")
    assert [one.reason for one in answer.degraded] == [Reason.HISTORY_UNAVAILABLE]


async def test_a_new_ranker_orders_the_next_list(rig: Rig) -> None:
    assert (await recommended(rig)).ranked_by.by is OrderedBy.READER
    await rig.fit(TREES)
    assert (await recommended(rig)).ranked_by.by is OrderedBy.TREES
    await rig.fit(without_trees())
    assert (await recommended(rig)).ranked_by == RankedBy(OrderedBy.FIRST_STAGE, "blend")


async def test_both_lists_of_a_stream_say_what_ordered_them(rig: Rig) -> None:
    stream = rig.pipeline.recommend_stream(USER, CandidateOptions(), ALL, call())
    assert [one.ranked_by.by async for one in stream] == [OrderedBy.FIRST_STAGE, OrderedBy.READER]
    await rig.fit(TREES)
    stream = rig.pipeline.recommend_stream(USER, CandidateOptions(), ALL, call())
    assert [(one.ranked_by.by, ids(one)) async for one in stream] == [(OrderedBy.TREES, BY_TREES)] * 2


async def test_scores_of_trees_are_filtered_and_capped_as_those_of_the_reader(rig: Rig) -> None:
    await rig.fit(TREES)
    answer = await recommended(rig, replace(ALL, min_score=0.5))
    assert ids(answer) == ["m6", "m4"]
    assert ids(await recommended(rig, RankingOptions(top_n=1))) == ["m6"]


async def test_an_empty_list_is_no_fault(rig: Rig) -> None:
    await rig.fit(TREES)
    rig.shelf.items = {item_id: CATALOGUE[item_id] for item_id in ("m0", "m1")}
    answer = await recommended(rig)
    assert answer.items == ()
    assert [one.reason for one in answer.degraded] == [Reason.CANDIDATES_SHORT]


async def test_the_impression_holds_the_scores_of_the_trees(rig: Rig) -> None:
    await rig.fit(TREES)
    answer = await recommended(rig)
    (impression,) = rig.shelf.impressions
    assert [(one.item_id, one.logit, one.score) for one in impression.items] == [
        (one.item_id, None, one.score) for one in answer.items
    ]
