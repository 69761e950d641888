"""Every bad ranking request is refused with INVALID_ARGUMENT, naming field, value received and limit."""

from typing import Any

import grpc
import pytest

from crossrank.v1 import ranking_pb2, types_pb2
from tests.gateway.rpc.rig import Rig, refusal
from tests.gateway.rpc.values import labels, text_value

NAN, INF = float("nan"), float("inf")
USER = ranking_pb2.Context(user_id="u")


def ids(count: int) -> list[ranking_pb2.Candidate]:
    return [ranking_pb2.Candidate(item_id=f"i{place}") for place in range(count)]


def history(*events: ranking_pb2.HistoryEvent) -> ranking_pb2.Context:
    return ranking_pb2.Context(history=ranking_pb2.History(events=events))


def by(**condition: Any) -> list[types_pb2.Filter]:
    return [types_pb2.Filter(attribute="year", **condition)]


CONTEXTS = [
    (ranking_pb2.Context(), "context", ["no subject", "user_id, history, query, seed_item_id"]),
    (ranking_pb2.Context(surface="home"), "context", ["no subject"]),
    (ranking_pb2.Context(user_id=""), "context.user_id", ["empty", "1 to 256"]),
    (ranking_pb2.Context(user_id="u" * 257), "context.user_id", ["257", "256"]),
    (ranking_pb2.Context(user_id="é" * 129), "context.user_id", ["258", "256"]),
    (ranking_pb2.Context(user_id="a\nb"), "context.user_id", ["U+000A at position 1", "control"]),
    (ranking_pb2.Context(user_id="a\x9f"), "context.user_id", ["U+009F at position 1"]),
    (ranking_pb2.Context(query=""), "context.query", ["empty"]),
    (ranking_pb2.Context(query="q" * 2049), "context.query", ["2049", "2048"]),
    (ranking_pb2.Context(query="a\0b"), "context.query", ["U+0000", "NUL"]),
    (ranking_pb2.Context(query="a", session_query="b"), "context.session_query", ["beside query"]),
    (ranking_pb2.Context(seed_item_id=""), "context.seed_item_id", ["empty"]),
    (ranking_pb2.Context(user_id="u", session_query="q" * 2049), "context.session_query", ["2049", "2048"]),
    (ranking_pb2.Context(user_id="u", surface="s" * 65), "context.surface", ["65", "64"]),
    (ranking_pb2.Context(user_id="u", locale="x" * 36), "context.locale", ["36", "35"]),
    (ranking_pb2.Context(history=ranking_pb2.History()), "context.history.events", ["received 0", "1 to 200"]),
    (history(*[ranking_pb2.HistoryEvent(item_id="i")] * 201), "context.history.events", ["201", "200"]),
    (history(ranking_pb2.HistoryEvent()), "context.history.events[0].item_id", ["empty"]),
    (
        history(ranking_pb2.HistoryEvent(item_id="i", fields={"title": "t" * 8193})),
        "context.history.events[0].fields['title']",
        ["8193", "8192"],
    ),
    (
        ranking_pb2.Context(user_id="u", features={"a b": text_value("x")}),
        "context.features['a b'].key",
        ["U+0020 at position 1", "letters"],
    ),
    (
        ranking_pb2.Context(user_id="u", features={f"f{place}": text_value("x") for place in range(33)}),
        "context.features",
        ["33", "32"],
    ),
    (
        ranking_pb2.Context(user_id="u", features={"a": types_pb2.AttributeValue()}),
        "context.features['a']",
        ["no kind"],
    ),
    (
        ranking_pb2.Context(user_id="u", features={"a": types_pb2.AttributeValue(number=INF)}),
        "context.features['a'].number",
        ["inf", "finite"],
    ),
]


@pytest.mark.parametrize(("context", "field", "words"), CONTEXTS)
async def test_a_bad_context_is_refused_by_every_method_that_takes_one(
    rig: Rig, context: ranking_pb2.Context, field: str, words: list[str]
) -> None:
    calls = (
        rig.ranking.Rerank(ranking_pb2.RerankRequest(context=context, candidates=ids(1))),
        rig.ranking.Recommend(ranking_pb2.RecommendRequest(context=context)),
        rig.ranking.RecommendStream(ranking_pb2.RecommendStreamRequest(context=context)).read(),
    )
    for call in calls:
        refused = await refusal(call)
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert list(refused.violations) == [field]
        assert all(word in refused.violations[field] for word in words), refused.violations
    assert rig.ranker.contexts == []


CANDIDATES = [
    ([], "candidates", ["received 0", "1 to 1000"]),
    (ids(1001), "candidates", ["1001", "1000"]),
    ([ranking_pb2.Candidate()], "candidates[0].item_id", ["empty"]),
    (ids(3) + ids(1), "candidates[3].item_id", ["'i0' again", "candidates[0]"]),
    ([ranking_pb2.Candidate(item_id="x" * 300)], "candidates[0].item_id", ["300", "256"]),
    ([ranking_pb2.Candidate(item_id="x", fields={"": "t"})], "candidates[0].fields[''].key", ["empty"]),
    ([ranking_pb2.Candidate(item_id="x", fields={"é": "t"})], "candidates[0].fields['\\xe9'].key", ["U+00E9"]),
    ([ranking_pb2.Candidate(item_id="x", fields={"t": "a\0"})], "candidates[0].fields['t']", ["U+0000 at position 1"]),
    (
        [ranking_pb2.Candidate(item_id="x", fields={f"f{place}": "" for place in range(33)})],
        "candidates[0].fields",
        ["33", "32"],
    ),
    ([ranking_pb2.Candidate(item_id="x", first_stage_score=NAN)], "candidates[0].first_stage_score", ["nan"]),
    ([ranking_pb2.Candidate(item_id="x", first_stage_score=-INF)], "candidates[0].first_stage_score", ["-inf"]),
]


@pytest.mark.parametrize(("candidates", "field", "words"), CANDIDATES)
async def test_bad_candidates_are_refused(
    rig: Rig, candidates: list[ranking_pb2.Candidate], field: str, words: list[str]
) -> None:
    refused = await refusal(rig.ranking.Rerank(ranking_pb2.RerankRequest(context=USER, candidates=candidates)))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(refused.violations) == [field]
    assert all(word in refused.violations[field] for word in words), refused.violations


@pytest.mark.parametrize(("candidates", "field", "words"), CANDIDATES[4:])
async def test_one_bad_candidate_among_many_good_ones_is_the_one_that_is_named(
    rig: Rig, candidates: list[ranking_pb2.Candidate], field: str, words: list[str]
) -> None:
    good = [ranking_pb2.Candidate(item_id=f"g{place}", fields={"t": "ein Käse"}) for place in range(99)]
    many = [*good[:50], *candidates, *good[50:]]
    refused = await refusal(rig.ranking.Rerank(ranking_pb2.RerankRequest(context=USER, candidates=many)))
    named = field.replace("candidates[0]", "candidates[50]")
    assert list(refused.violations) == [named]
    assert all(word in refused.violations[named] for word in words), refused.violations


def options(**values: Any) -> ranking_pb2.RankingOptions:
    """Options as a client of another language may send them: any number in an enum."""
    return ranking_pb2.RankingOptions(**values)


OPTIONS = [
    (options(min_score=1.5), "options.min_score", ["1.5", "0 to 1"]),
    (options(min_score=-0.1), "options.min_score", ["-0.1"]),
    (options(min_score=NAN), "options.min_score", ["nan", "finite"]),
    (options(priority=7), "options.priority", ["received 7", "PRIORITY_BATCH (2)"]),
    (options(priority=-1), "options.priority", ["received -1"]),
    (options(truncation_policy=99), "options.truncation_policy", ["received 99", "TRUNCATION_POLICY_REJECT (2)"]),
    (options(reading=9), "options.reading", ["received 9", "READING_ALWAYS (1)", "READING_NEVER (2)"]),
    (options(reading=-1), "options.reading", ["received -1"]),
    (options(reading=2, require_rerank=True), "options.reading", ["READING_NEVER beside require_rerank"]),
    (options(reading=2, explain=True), "options.reading", ["READING_NEVER beside explain"]),
    (options(model="m" * 257), "options.model", ["257", "256"]),
    (options(diversity_cap={"attribute": "g"}), "options.diversity_cap.maximum", ["received 0", "1 to 1000"]),
    (options(diversity_cap={"maximum": 1}), "options.diversity_cap.attribute", ["empty"]),
    (options(diversity_cap={"attribute": "g", "maximum": 1001}), "options.diversity_cap.maximum", ["1001"]),
]


@pytest.mark.parametrize(("options", "field", "words"), OPTIONS)
async def test_bad_options_are_refused_by_every_ranking_method(
    rig: Rig, options: ranking_pb2.RankingOptions, field: str, words: list[str]
) -> None:
    calls = (
        rig.ranking.Rerank(ranking_pb2.RerankRequest(context=USER, candidates=ids(1), options=options)),
        rig.ranking.Recommend(ranking_pb2.RecommendRequest(context=USER, options=options)),
        rig.ranking.SimilarItems(ranking_pb2.SimilarItemsRequest(item_id="i", options=options)),
    )
    for call in calls:
        refused = await refusal(call)
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert list(refused.violations) == [field]
        assert all(word in refused.violations[field] for word in words), refused.violations


@pytest.mark.parametrize("top_n", [0, 1, 1000, 2**32 - 1])
async def test_any_top_n_is_legal(rig: Rig, top_n: int) -> None:
    request = ranking_pb2.RerankRequest(context=USER, candidates=ids(2), options=options(top_n=top_n))
    await rig.ranking.Rerank(request)
    assert rig.ranker.options[0].top_n == top_n


@pytest.mark.parametrize("reading", [0, 1])
async def test_reading_beside_what_needs_it_is_legal(rig: Rig, reading: int) -> None:
    asked = options(reading=reading, require_rerank=True, explain=True)
    await rig.ranking.Rerank(ranking_pb2.RerankRequest(context=USER, candidates=ids(2), options=asked))
    assert rig.ranker.options[0].explain


def sources(**values: Any) -> ranking_pb2.CandidateOptions:
    return ranking_pb2.CandidateOptions(**values)


SOURCES = [
    (sources(sources=["nope"]), "candidates.sources[0]", ["'nope'", "item_neighbors, popular"]),
    (sources(sources=["popular", "popular"]), "candidates.sources[1]", ["'popular' again"]),
    (sources(sources=["popular"] * 17), "candidates.sources", ["17", "16"]),
    (sources(limit=1001), "candidates.limit", ["1001", "1000"]),
    (sources(exclude_item_ids=["x"] * 1001), "candidates.exclude_item_ids", ["1001", "1000"]),
    (sources(exclude_item_ids=["x", ""]), "candidates.exclude_item_ids[1]", ["empty"]),
    (sources(filters=by(equals=text_value("x")) * 17), "candidates.filters", ["17", "16"]),
    (sources(filters=by()), "candidates.filters[0]", ["no condition", "equals, any_of, in_range"]),
    (sources(filters=[types_pb2.Filter(equals=text_value("x"))]), "candidates.filters[0].attribute", ["empty"]),
    (
        sources(filters=[types_pb2.Filter(attribute="a;--", equals=text_value("x"))]),
        "candidates.filters[0].attribute",
        ["U+003B at position 1"],
    ),
    (sources(filters=by(equals=types_pb2.AttributeValue())), "candidates.filters[0].equals", ["no kind"]),
    (sources(filters=by(equals=text_value("x" * 257))), "candidates.filters[0].equals.text", ["257", "256"]),
    (
        sources(filters=by(equals=types_pb2.AttributeValue(number=NAN))),
        "candidates.filters[0].equals.number",
        ["nan", "finite"],
    ),
    (sources(filters=by(any_of=labels(0))), "candidates.filters[0].any_of.values", ["received 0", "1 to 64"]),
    (sources(filters=by(any_of=labels(65))), "candidates.filters[0].any_of.values", ["65", "64"]),
    (
        sources(filters=by(any_of=types_pb2.Labels(values=["ok", "x\0"]))),
        "candidates.filters[0].any_of.values[1]",
        ["U+0000"],
    ),
    (
        sources(filters=by(in_range=types_pb2.NumberRange(minimum=2, maximum=1))),
        "candidates.filters[0].in_range",
        ["minimum 2 above maximum 1"],
    ),
    (
        sources(filters=by(in_range=types_pb2.NumberRange(maximum=INF))),
        "candidates.filters[0].in_range.maximum",
        ["inf", "finite"],
    ),
]


@pytest.mark.parametrize(("wanted", "field", "words"), SOURCES)
async def test_bad_candidate_options_are_refused(
    rig: Rig, wanted: ranking_pb2.CandidateOptions, field: str, words: list[str]
) -> None:
    calls = (
        rig.ranking.Recommend(ranking_pb2.RecommendRequest(context=USER, candidates=wanted)),
        rig.ranking.SimilarItems(ranking_pb2.SimilarItemsRequest(item_id="i", candidates=wanted)),
    )
    for call in calls:
        refused = await refusal(call)
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert list(refused.violations) == [field]
        assert all(word in refused.violations[field] for word in words), refused.violations


async def test_a_missing_seed_item_is_refused(rig: Rig) -> None:
    refused = await refusal(rig.ranking.SimilarItems(ranking_pb2.SimilarItemsRequest()))
    assert list(refused.violations) == ["item_id"]


async def test_all_violations_of_a_request_come_in_one_refusal(rig: Rig) -> None:
    request = ranking_pb2.RerankRequest(candidates=[ranking_pb2.Candidate()], options=options(min_score=2, priority=9))
    refused = await refusal(rig.ranking.Rerank(request))
    assert list(refused.violations) == ["context", "candidates[0].item_id", "options.min_score", "options.priority"]
    assert refused.reason == "INVALID_REQUEST"


async def test_a_thousand_violations_still_reach_the_caller_as_a_readable_refusal(rig: Rig) -> None:
    request = ranking_pb2.RerankRequest(context=USER, candidates=[ranking_pb2.Candidate(item_id="\n" * 300)] * 1000)
    refused = await refusal(rig.ranking.Rerank(request))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert "more violations are not listed" in refused.violations[""]
    assert len(refused.violations) > 5
