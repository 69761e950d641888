"""The path of a request: the right score for each pair, and every way of being less than full is said."""

import asyncio
import math
from pathlib import Path

import pytest

from gateway.domain.errors import (
    CrossrankError,
    DeadlineTooShort,
    InvalidRequest,
    ModelOverloaded,
    ModelUnavailable,
    NotFound,
    StoreUnavailable,
)
from gateway.domain.values import (
    Candidate,
    CandidateOptions,
    Context,
    Degradation,
    HistoryEvent,
    Item,
    RankingOptions,
    Reason,
)
from tests.fakes.scorers import hash_logit
from tests.gateway.rig import CATALOGUE, Rig, call, ids, reasons

USER = Context(user_id="u1")
ALL = RankingOptions(top_n=100)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def inline(*titles: str) -> list[Candidate]:
    return [
        Candidate(f"c{rank}", rank, -float(rank), item=Item(f"c{rank}", {"title": title}))
        for rank, title in enumerate(titles, start=1)
    ]


async def test_a_recommendation_scores_each_candidate_with_its_own_pair_and_sorts_by_it(rig: Rig) -> None:
    answer = await rig.pipeline.recommend(USER, CandidateOptions(), ALL, call())
    history = [CATALOGUE["m0"].fields, CATALOGUE["m1"].fields]
    expected = {item_id: rig.expected_logit(USER, history, CATALOGUE[item_id]) for item_id in ids(answer)}
    assert {item.item_id: item.logit for item in answer.items} == expected
    assert ids(answer) == sorted(expected, key=lambda item_id: -expected[item_id])
    assert answer.degraded == ()
    assert (answer.candidate_count, answer.scored_count) == (6, 6)


async def test_seen_items_are_excluded_unless_asked_for(rig: Rig) -> None:
    await rig.pipeline.recommend(USER, CandidateOptions(), ALL, call())
    await rig.pipeline.recommend(USER, CandidateOptions(include_seen=True), ALL, call())
    assert [query.seen_by for query in rig.shelf.queries] == ["u1", None]


async def test_a_seed_item_is_its_own_context_and_never_its_own_answer(rig: Rig) -> None:
    answer = await rig.pipeline.recommend(Context(seed_item_id="m3"), CandidateOptions(), ALL, call())
    assert "m3" not in ids(answer)
    assert rig.shelf.queries[0].history == (HistoryEvent("m3", CATALOGUE["m3"].fields),)


async def test_an_unknown_seed_item_is_not_found(rig: Rig) -> None:
    with pytest.raises(NotFound, match="'nothing' does not exist"):
        await rig.pipeline.recommend(Context(seed_item_id="nothing"), CandidateOptions(), ALL, call())


async def test_an_unknown_user_is_a_new_user_and_gets_an_answer(rig: Rig) -> None:
    answer = await rig.pipeline.recommend(Context(user_id="stranger"), CandidateOptions(), RankingOptions(), call())
    assert len(answer.items) == 3
    assert answer.degraded == ()


async def test_the_second_answer_comes_from_the_cache_and_is_equal(rig: Rig) -> None:
    cold = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    requests = len(rig.scorer.requests)
    warm = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    assert len(rig.scorer.requests) == requests
    assert (warm.cache_hits, cold.cache_hits) == (6, 0)
    assert [(item.item_id, item.logit, item.score) for item in warm.items] == [
        (item.item_id, item.logit, item.score) for item in cold.items
    ]
    assert all(item.cached for item in warm.items)


async def test_equal_texts_under_two_ids_are_scored_once_and_tie_in_first_stage_order(rig: Rig) -> None:
    answer = await rig.pipeline.rerank(USER, inline("heat", "heat", "heat"), RankingOptions(), call())
    assert sum(len(request) for request in rig.scorer.requests) == 1
    assert ids(answer) == ["c1", "c2", "c3"]
    assert len({item.logit for item in answer.items}) == 1
    assert (answer.scored_count, answer.duplicates, answer.cache_hits) == (3, 2, 0)
    again = await rig.pipeline.rerank(USER, inline("heat", "heat", "jaws"), RankingOptions(), call())
    assert (again.scored_count, again.duplicates, again.cache_hits) == (3, 0, 2)


async def test_pairs_in_flight_are_shared_though_one_request_names_the_text_twice(rig: Rig) -> None:
    rig.scorer.gate = asyncio.Event()
    first = asyncio.create_task(rig.pipeline.rerank(USER, inline("heat", "alien"), ALL, call()))
    await rig.until_asked(1)
    second = asyncio.create_task(rig.pipeline.rerank(USER, inline("alien", "heat", "alien", "jaws"), ALL, call()))
    await rig.until_asked(2)
    rig.scorer.gate.set()
    answers = await first, await second
    assert sum(len(request) for request in rig.scorer.requests) == 3
    assert [(one.scored_count, one.coalesced, one.duplicates) for one in answers] == [(2, 0, 0), (4, 2, 1)]
    logits = {item.item_id: item.logit for item in answers[1].items}
    assert logits["c1"] == logits["c3"]


async def test_rerank_reads_unknown_texts_from_the_catalogue_and_says_which_id_is_missing(rig: Rig) -> None:
    answer = await rig.pipeline.rerank(USER, [Candidate("m4", 1, 0.0), *inline("heat")[:0]], ALL, call())
    assert ids(answer) == ["m4"]
    with pytest.raises(NotFound, match="'gone' does not exist"):
        await rig.pipeline.rerank(USER, [Candidate("m4", 1, 0.0), Candidate("gone", 2, 0.0)], ALL, call())


async def test_inline_items_work_without_any_database_behind(rig: Rig) -> None:
    rig.shelf.faults = dict.fromkeys(("get", "recent", "fetch", "record_impression"), StoreUnavailable("away"))
    context = Context(history=(HistoryEvent("x", {"title": "alien"}),))
    answer = await rig.pipeline.rerank(context, inline("heat", "jaws"), ALL, call())
    assert answer.scored_count == 2
    assert reasons(answer) == [Reason.IMPRESSION_NOT_LOGGED]
    assert answer.attribution_token == ""


async def test_a_history_that_cannot_be_read_is_said(rig: Rig) -> None:
    rig.shelf.faults["recent"] = StoreUnavailable("away")
    answer = await rig.pipeline.rerank(USER, inline("heat"), ALL, call())
    assert reasons(answer) == [Reason.HISTORY_UNAVAILABLE]


async def test_without_the_model_the_answer_is_first_stage_order_and_says_so(rig: Rig) -> None:
    rig.scorer.fault = ModelUnavailable("worker died")
    answer = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    assert ids(answer) == ["m2", "m3", "m4"]
    assert reasons(answer) == [Reason.MODEL_UNAVAILABLE]
    assert answer.scored_count == 0
    assert all(item.score is None for item in answer.items)
    assert len(rig.cache) == 0, "a degraded answer leaves nothing in the cache"


async def test_before_any_verification_the_answer_is_first_stage_order_too(rig: Rig) -> None:
    rig.scorer.model = None
    answer = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    assert ids(answer) == ["m2", "m3", "m4"]
    assert reasons(answer) == [Reason.MODEL_UNAVAILABLE]


@pytest.mark.parametrize("fault", [ModelUnavailable("gone"), ModelOverloaded("full"), DeadlineTooShort("late")])
async def test_a_caller_who_requires_reranking_gets_a_typed_error_instead(rig: Rig, fault: CrossrankError) -> None:
    rig.scorer.fault = fault
    with pytest.raises(type(fault), match="require_rerank"):
        await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(require_rerank=True), call())
    assert rig.admission.in_flight == 0


async def test_when_time_runs_out_the_scored_items_lead_and_the_rest_keeps_its_order(rig: Rig) -> None:
    candidates = inline("heat", "jaws", "toy toy toy toy toy toy toy", "alien toy toy toy toy toy toy")
    rig.scorer.slow_from_tokens = 15
    answer = await rig.pipeline.rerank(USER, candidates, ALL, call(0.3))
    assert sorted(ids(answer)[:2]) == ["c1", "c2"]
    assert ids(answer)[2:] == ["c3", "c4"]
    assert [item.score is None for item in answer.items] == [False, False, True, True]
    assert reasons(answer) == [Reason.DEADLINE]
    assert answer.scored_count == 2


async def test_a_pair_without_a_finite_logit_harms_only_itself(rig: Rig) -> None:
    encoder = rig.model.bundle.encoder
    poisoned = encoder.encode_item({"title": "jaws"})
    rig.scorer.logit_of = lambda pair: (
        math.nan if pair.token_ids[-1 - len(poisoned) : -1] == poisoned else hash_logit(pair)
    )
    answer = await rig.pipeline.rerank(USER, inline("jaws", "heat", "alien"), ALL, call())
    assert ids(answer)[-1] == "c1"
    assert answer.items[-1].score_invalid
    assert answer.scored_count == 2
    assert reasons(answer) == [Reason.SCORE_INVALID]
    assert len(rig.cache) == 2


async def test_a_failing_source_is_passed_on(rig: Rig) -> None:
    rig.shelf.source_degradations = [Degradation(Reason.SOURCE_UNAVAILABLE, "text_ann: late")]
    answer = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    assert answer.degraded == (Degradation(Reason.SOURCE_UNAVAILABLE, "text_ann: late"),)


async def test_fewer_candidates_than_items_asked_for_is_said(rig: Rig) -> None:
    answer = await rig.pipeline.recommend(USER, CandidateOptions(limit=50), RankingOptions(top_n=20), call())
    assert reasons(answer) == [Reason.CANDIDATES_SHORT]


async def test_long_items_are_cut_and_reported_or_refused_on_request(rig: Rig) -> None:
    long = inline("toy " * 20, "heat")
    answer = await rig.pipeline.rerank(USER, long, ALL, call())
    assert {item.item_id: item.truncated for item in answer.items} == {"c1": True, "c2": False}
    with pytest.raises(InvalidRequest, match=r"candidates\[c1\]: has more than 8 tokens: shorten"):
        await rig.pipeline.rerank(USER, long, RankingOptions(reject_long_items=True), call())


async def test_a_query_beyond_the_context_budget_is_refused_by_name(rig: Rig) -> None:
    with pytest.raises(InvalidRequest, match=r"context\.query: query and features have"):
        await rig.pipeline.rerank(Context(query="space " * 50), inline("heat"), ALL, call())


async def test_an_unknown_model_is_not_found(rig: Rig) -> None:
    with pytest.raises(NotFound, match="model 'other' does not exist"):
        await rig.pipeline.rerank(USER, inline("heat"), RankingOptions(model="other"), call())


async def test_the_impression_holds_what_was_shown_and_its_token_is_in_the_answer(rig: Rig) -> None:
    answer = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    (impression,) = rig.shelf.impressions
    assert impression.attribution_token == answer.attribution_token != ""
    assert [item.item_id for item in impression.items] == ids(answer)
    assert impression.model == rig.model.identity


async def test_stages_are_reported_in_the_order_of_the_path(rig: Rig) -> None:
    answer = await rig.pipeline.recommend(USER, CandidateOptions(), RankingOptions(), call())
    expected = ["history", "candidates", "items", "render", "cache", "encode", "score", "rank", "log"]
    assert [name for name, _ in answer.stages] == expected == rig.seen.stages
    assert rig.seen.answers == [answer]


async def test_a_stream_gives_first_stage_order_first_and_the_reranked_list_second(rig: Rig) -> None:
    options = RankingOptions(return_items=True)
    first, second = [
        answer async for answer in rig.pipeline.recommend_stream(USER, CandidateOptions(), options, call())
    ]
    unary = await rig.pipeline.recommend(USER, CandidateOptions(), options, call())
    assert ids(first) == ["m2", "m3", "m4"]
    assert all(item.score is None and item.item is not None for item in first.items)
    assert ids(second) == ids(unary)


async def test_cancelling_a_request_frees_everything_it_held(rig: Rig) -> None:
    rig.scorer.gate = asyncio.Event()
    task = asyncio.create_task(rig.pipeline.recommend(USER, CandidateOptions(), ALL, call()))
    await rig.until_asked(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rig.admission.in_flight == 0
