"""What a caller writes reaches the pipeline and the stores as the domain means it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from crossrank.v1 import catalog_pb2, feedback_pb2, ranking_pb2, types_pb2
from gateway.domain.order import Reading
from gateway.domain.values import (
    CandidateOptions,
    Context,
    DiversityCap,
    Filter,
    FilterKind,
    HistoryEvent,
    Interaction,
    Item,
    Priority,
    RankingOptions,
)
from tests.gateway.rpc.rig import Rig, refusal

CONTEXT = ranking_pb2.Context(user_id="u")


async def rerank(rig: Rig, **values: Any) -> None:
    request: dict[str, Any] = {"context": CONTEXT, "candidates": [{"item_id": "a"}, {"item_id": "b"}]}
    await rig.ranking.Rerank(ranking_pb2.RerankRequest(**(request | values)))


async def test_each_subject_arrives_alone(rig: Rig) -> None:
    events = [{"item_id": "i", "fields": {"title": "T"}}, {"item_id": "i"}]
    for subject in ({"user_id": "u"}, {"query": "q"}, {"seed_item_id": "s"}, {"history": {"events": events}}):
        await rerank(rig, context=subject)
    assert rig.ranker.contexts == [
        Context(user_id="u"),
        Context(query="q"),
        Context(seed_item_id="s"),
        Context(history=(HistoryEvent("i", {"title": "T"}), HistoryEvent("i", None))),
    ]


async def test_session_surface_locale_and_features_arrive(rig: Rig) -> None:
    features = {
        "device": {"text": "tv"},
        "hour": {"number": 20},
        "kids": {"flag": True},
        "tags": {"labels": {"values": "ab"}},
    }
    await rerank(
        rig,
        context={
            "user_id": "u",
            "session_query": "war\tfilms",
            "surface": "home",
            "locale": "de-CH",
            "features": features,
        },
    )
    assert rig.ranker.contexts[0] == Context(
        user_id="u",
        session_query="war\tfilms",
        surface="home",
        locale="de-CH",
        features={"device": "tv", "hour": 20.0, "kids": True, "tags": ("a", "b")},
    )


async def test_similar_items_is_a_recommendation_for_the_seed(rig: Rig) -> None:
    await rig.ranking.SimilarItems(ranking_pb2.SimilarItemsRequest(item_id="s", options={"top_n": 3}))
    assert rig.ranker.contexts == [Context(seed_item_id="s")]
    assert rig.ranker.options[0].top_n == 3


async def test_candidates_keep_their_order_and_only_inline_ones_carry_an_item(rig: Rig) -> None:
    await rerank(rig, candidates=[{"item_id": "z"}, {"item_id": "a", "fields": {"title": "A"}}])
    first, second = rig.ranker.candidates[0]
    assert (first.item_id, first.rank, first.item) == ("z", 1, None)
    assert (second.item_id, second.rank, second.item) == ("a", 2, Item("a", {"title": "A"}))


async def test_a_legal_list_that_a_glance_cannot_tell_to_be_legal_is_taken_as_it_is(rig: Rig) -> None:
    texts = ["a" * rig.limits.max_field_bytes, "Käse"]
    await rerank(rig, candidates=[{"item_id": text[:9], "fields": {"title": text}} for text in texts])
    assert [one.item and one.item.fields["title"] for one in rig.ranker.candidates[0]] == texts


async def test_a_first_stage_score_is_the_callers_and_otherwise_falls_with_the_rank(rig: Rig) -> None:
    await rerank(rig, candidates=[{"item_id": "a"}, {"item_id": "b", "first_stage_score": -3.5}, {"item_id": "c"}])
    first, given, last = (candidate.score for candidate in rig.ranker.candidates[0])
    assert given == -3.5
    assert 1 > first > last > 0


async def test_the_limits_themselves_are_legal(rig: Rig) -> None:
    limits = rig.limits
    await rerank(
        rig,
        context={"query": "q" * limits.max_query_bytes},
        candidates=[
            {
                "item_id": f"{place}".rjust(limits.max_id_bytes, "x"),
                "fields": {"t" * 64: "é" * (limits.max_field_bytes // 2)},
            }
            for place in range(500)
        ],
    )
    await rerank(rig, candidates=[{"item_id": f"{place}"} for place in range(limits.max_candidates)])
    assert [len(candidates) for candidates in rig.ranker.candidates] == [500, 1000]


async def test_options_default_and_arrive(rig: Rig) -> None:
    await rerank(rig)
    cap = {"attribute": "genre", "maximum": 2}
    flags = {"require_rerank": True, "return_items": True, "explain": True, "first_stage_order": True}
    enums = {
        "priority": "PRIORITY_BATCH",
        "truncation_policy": "TRUNCATION_POLICY_REJECT",
        "reading": "READING_ALWAYS",
    }
    await rerank(rig, options={"top_n": 5, "min_score": 0.0, "model": "m", "diversity_cap": cap} | flags | enums)
    assert rig.ranker.options == [
        RankingOptions(),
        RankingOptions(
            top_n=5,
            min_score=0.0,
            priority=Priority.BATCH,
            require_rerank=True,
            return_items=True,
            reject_long_items=True,
            model="m",
            explain=True,
            reading=Reading.ALWAYS,
            first_stage_order=True,
            diversity_cap=DiversityCap("genre", 2),
        ),
    ]


@pytest.mark.parametrize(
    ("told", "reading"),
    [
        ("READING_UNSPECIFIED", Reading.AUTO),
        ("READING_ALWAYS", Reading.ALWAYS),
        ("READING_NEVER", Reading.NEVER),
    ],
)
async def test_every_way_of_reading_arrives(rig: Rig, told: str, reading: Reading) -> None:
    await rerank(rig, options={"reading": told})
    assert rig.ranker.options[0].reading is reading


async def test_candidate_options_and_filters_arrive(rig: Rig) -> None:
    filters = [
        {"attribute": "lang", "equals": {"text": "en"}},
        {"attribute": "adult", "equals": {"flag": False}},
        {"attribute": "genres", "any_of": {"values": ["War", "Drama", "War"]}},
        {"attribute": "year", "in_range": {"minimum": 1990}},
        {"attribute": "year", "in_range": {"minimum": 0, "maximum": 0}},
    ]
    wanted: dict[str, Any] = {"sources": ["popular"], "limit": 50, "exclude_item_ids": ["x", "x"], "include_seen": True}
    request = ranking_pb2.RecommendRequest(context=CONTEXT, candidates=wanted | {"filters": filters})
    await rig.ranking.Recommend(request)
    assert rig.ranker.wanted == [
        CandidateOptions(
            sources=("popular",),
            limit=50,
            filters=(
                Filter("lang", FilterKind.EQUALS, ("en",)),
                Filter("adult", FilterKind.EQUALS, (False,)),
                Filter("genres", FilterKind.ANY_OF, ("War", "Drama")),
                Filter("year", FilterKind.IN_RANGE, minimum=1990.0),
                Filter("year", FilterKind.IN_RANGE, minimum=0.0, maximum=0.0),
            ),
            exclude=frozenset({"x"}),
            include_seen=True,
        )
    ]


async def test_unknown_fields_of_newer_clients_are_ignored(rig: Rig) -> None:
    request = ranking_pb2.RerankRequest(context=CONTEXT, candidates=[{"item_id": "a"}])
    newer = request.SerializeToString() + b"\xfa\x07\x03new"  # field 127
    answer = ranking_pb2.RerankResponse.FromString(await rig.raw("/crossrank.v1.RankingService/Rerank")(newer))
    assert [item.item_id for item in answer.items] == ["a"]


async def test_an_item_of_the_catalogue_survives_the_way_in_and_out(rig: Rig) -> None:
    item = types_pb2.Item(item_id="i", fields={"title": "Zoé\n2"})
    item.attributes["lang"].text = "fr"
    item.attributes["year"].number = 1999.5
    item.attributes["adult"].flag = True
    item.attributes["genres"].labels.values.extend(["War", "Drama"])
    counts = await rig.catalog.UpsertItems(iter([catalog_pb2.UpsertItemsRequest(items=[item])] * 2))
    assert (counts.inserted, counts.updated, counts.unchanged) == (1, 0, 1)
    read = await rig.catalog.GetItems(catalog_pb2.GetItemsRequest(item_ids=["none", "i"]))
    assert list(read.items) == [item]
    assert list(read.unknown_item_ids) == ["none"]


async def test_pages_follow_each_other_without_gap_or_repeat(rig: Rig) -> None:
    rig.items.items = {f"i{place:03}": Item(f"i{place:03}", {}) for place in range(25)}
    seen: list[str] = []
    sizes: list[int] = []
    token = ""
    while not sizes or token:
        page = await rig.catalog.ListItems(catalog_pb2.ListItemsRequest(page_size=10, page_token=token))
        seen += [item.item_id for item in page.items]
        sizes.append(len(page.items))
        token = page.next_page_token
    assert seen == sorted(rig.items.items)
    assert sizes == [10, 10, 5]


async def test_a_page_token_belongs_to_its_filters(rig: Rig) -> None:
    rig.items.items = {f"i{place}": Item(f"i{place}", {}) for place in range(3)}
    english = [types_pb2.Filter(attribute="lang", equals=types_pb2.AttributeValue(text="en"))]
    page = await rig.catalog.ListItems(catalog_pb2.ListItemsRequest(page_size=1, filters=english))
    token = page.next_page_token
    again = await rig.catalog.ListItems(catalog_pb2.ListItemsRequest(page_token=token, filters=english))
    assert [item.item_id for item in again.items] == ["i1", "i2"]
    refused = await refusal(rig.catalog.ListItems(catalog_pb2.ListItemsRequest(page_token=token)))
    assert list(refused.violations) == ["page_token"]


async def test_deleting_counts_known_and_unknown_ids(rig: Rig) -> None:
    rig.items.items = {"a": Item("a", {})}
    answer = await rig.catalog.DeleteItems(catalog_pb2.DeleteItemsRequest(item_ids=["a", "b", "c"]))
    assert (answer.deleted, answer.unknown) == (1, 2)


async def test_an_interaction_is_stored_once_however_often_it_is_sent(rig: Rig) -> None:
    rig.items.items = {"i": Item("i", {})}
    one = feedback_pb2.Interaction(
        user_id="u",
        item_id="i",
        event="click",
        time=Timestamp(seconds=1_700_000_000, nanos=1999),
        attribution_token="t",
    )
    request = feedback_pb2.RecordInteractionsRequest(interactions=[one])
    answers = [await rig.feedback_service.RecordInteractions(request) for _ in range(2)]
    assert [(answer.recorded, answer.duplicates, answer.attributed) for answer in answers] == [(1, 0, 1), (0, 1, 1)]
    time = datetime(2023, 11, 14, 22, 13, 20, 1, tzinfo=UTC)
    assert list(rig.feedback.interactions.values()) == [Interaction("u", "i", "click", 1.0, time, "t")]


async def test_an_interaction_without_time_happened_now_and_a_weight_of_zero_is_kept(rig: Rig) -> None:
    rig.items.items = {"i": Item("i", {})}
    before = datetime.now(UTC)
    one = feedback_pb2.Interaction(user_id="u", item_id="i", event="skip", weight=0)
    await rig.feedback_service.RecordInteractions(feedback_pb2.RecordInteractionsRequest(interactions=[one]))
    (stored,) = rig.feedback.interactions.values()
    assert before <= stored.time <= datetime.now(UTC)
    assert stored.weight == 0.0
