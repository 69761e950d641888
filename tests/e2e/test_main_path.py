"""The main path on the real parts: real PostgreSQL, real Triton with the shipped models, the gateway as a process."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from crossrank_client import (
    Candidate,
    CandidateOptions,
    CrossrankClient,
    CrossrankNotFound,
    CrossrankOverloaded,
    CrossrankRequestInvalid,
    Health,
    History,
    Interaction,
    Item,
    ListStage,
    Query,
    RankedList,
    RankingOptions,
    Reading,
    User,
)
from crossrank_client.catalog import AnyOf, InRange
from deploy.local.stack import LocalStack
from gateway.catalog.rebuild import rebuild_relations
from gateway.domain.budget import Budget
from gateway.store.pool import Database
from tests.e2e.catalogue import fill, invented_interactions

ALL = RankingOptions(top_n=1000)
READ = RankingOptions(top_n=1000, reading=Reading.ALWAYS)
"""With logits beside an order that the reader does not make."""
SOURCES = {"text_ann", "item_neighbors", "item_knn", "follows", "popular", "cold_items"}
FILMS = (
    """
Toy Story / Heat / Alien / Aliens / Jaws / Fargo / Babe / Casablanca / The Godfather / The Graduate /
Star Wars / Return of the Jedi / The Empire Strikes Back / Star Trek: First Contact / Blade Runner / Psycho /
Batman / Batman Returns / Batman Forever / Die Hard / Raging Bull / Taxi Driver / Some Like It Hot / Fantasia /
Pulp Fiction / Schindler's List / The Sound of Music / The Lion King / Aladdin / Beauty and the Beast / M /
Secrets & Lies / Trainspotting / Twelve Monkeys / Four Weddings and a Funeral / Sleepless in Seattle / Brazil /
A Clockwork Orange / 2001: A Space Odyssey / Monty Python and the Holy Grail
""".strip()
    .replace("\n", " ")
    .split(" / ")
)
SAME = 0.03
"""int8 activations are scaled by what shares their batch: the same pair may differ by this much between batches."""


@pytest.fixture(scope="module")
async def items(stack: LocalStack) -> list[Item]:
    filled = await fill(stack.status().part("gateway").url)
    database = Database(stack.status().part("postgres").url, 2)
    await database.open()
    try:
        await rebuild_relations(database, Budget(60.0))
    finally:
        await database.close()
    return filled


@pytest.fixture(scope="module")
async def client(stack: LocalStack, items: list[Item]) -> AsyncIterator[CrossrankClient]:
    async with CrossrankClient(stack.status().part("gateway").url, timeout_s=5.0) as connected:
        yield connected


def ids(ranked: RankedList) -> list[str]:
    return [item.item_id for item in ranked.items]


async def test_a_user_goes_in_and_a_list_comes_out_with_logits_where_they_are_asked_for(
    client: CrossrankClient, items: list[Item]
) -> None:
    wanted, options = CandidateOptions(limit=40), replace(READ, top_n=10, return_items=True)
    ranked = await client.recommend(User("u3"), candidates=wanted, options=options)
    assert not ranked.degraded
    assert ranked.metadata.scored_count == ranked.metadata.candidate_count == 40
    assert all(item.logit is not None for item in ranked.items)
    assert {source for item in ranked.items for source in item.sources} <= SOURCES
    seen = {one.item_id for one in invented_interactions(items) if one.user_id == "u3"}
    assert seen.isdisjoint(ids(ranked))
    assert ranked.metadata.ordered_by == "FIRST_STAGE", "nothing better was measured on this catalogue"
    assert [item.first_stage_rank for item in ranked.items] == list(range(1, 11))


async def test_texts_that_the_caller_brings_come_back_in_the_order_of_their_scores(
    client: CrossrankClient, items: list[Item]
) -> None:
    candidates = [Candidate(f"x{item.item_id}", dict(item.fields)) for item in items[:40]]
    ranked = await client.rerank(User("u3"), candidates, options=RankingOptions(top_n=10))
    assert not ranked.degraded
    assert ranked.metadata.ordered_by == "READER"
    assert ranked.metadata.scored_count == ranked.metadata.candidate_count == 40
    assert [item.rank for item in ranked.items] == list(range(1, 11))
    scores = [item.score for item in ranked.items]
    assert scores == sorted(scores, key=lambda score: -(score or 0.0))
    assert ids(ranked) != [item.item_id for item in sorted(ranked.items, key=lambda item: item.first_stage_rank)]


async def test_each_source_alone_answers_for_a_user_with_a_history(client: CrossrankClient) -> None:
    for source in sorted(SOURCES):
        ranked = await client.recommend(User("u5"), candidates=CandidateOptions(sources=(source,)))
        assert ranked.items, source
        assert {name for item in ranked.items for name in item.sources} == {source}


async def test_any_mix_of_batches_any_order_cold_or_cached_gives_the_same_scores(client: CrossrankClient) -> None:
    seed = 11
    draw = random.Random(seed)
    candidates = [Candidate(f"x{n}", {"title": f"Invented Tale {n} {'of the sea ' * (n % 7)}"}) for n in range(60)]
    history = History.of("m1", "m2", "m3")
    whole = {item.item_id: item.logit for item in (await client.rerank(history, candidates, options=ALL)).items}
    cached = await client.rerank(history, draw.sample(candidates, 60), options=ALL)
    assert cached.metadata.cache_hits == 60
    assert {item.item_id: item.logit for item in cached.items} == whole
    others = History.of("m1", "m2", "m4")
    alone = {}
    for candidate in draw.sample(candidates, 12):
        (item,) = (await client.rerank(others, [candidate], options=ALL)).items
        alone[item.item_id] = item.logit
    together = {item.item_id: item.logit for item in (await client.rerank(others, candidates, options=ALL)).items}
    for item_id, logit in alone.items():
        assert logit == pytest.approx(together[item_id], abs=SAME), f"seed {seed}: {item_id}"


async def test_callers_at_the_same_time_get_their_own_scores(client: CrossrankClient) -> None:
    """A mix-up between callers, chunks or rows would give some pair another pair's logit."""
    histories = [History.of(f"m{n}", f"m{n + 50}") for n in range(8)]
    candidates = [f"m{n}" for n in range(100, 130)]

    async def as_soon_as_admitted(history: History) -> RankedList:
        while True:
            try:
                return await client.rerank(history, candidates, options=READ)
            except CrossrankOverloaded as refusal:
                await asyncio.sleep(refusal.retry_after_s or 0)

    together = await asyncio.gather(*map(as_soon_as_admitted, histories))
    for history, ranked in zip(histories, together, strict=True):
        fresh = Candidate("fresh", {"title": "a text nobody scored"})
        alone = await client.rerank(history, [*candidates[:5], fresh], options=READ)
        logits = {item.item_id: item.logit for item in ranked.items}
        for item in alone.items:
            if item.item_id != "fresh":
                assert item.logit == pytest.approx(logits[item.item_id], abs=SAME)


async def test_filters_hold_for_every_item_of_the_answer(client: CrossrankClient, items: list[Item]) -> None:
    by_id = {item.item_id: item for item in items}
    filters = (AnyOf("genres", ("War", "Western")), InRange("year", minimum=1970.0))
    ranked = await client.recommend(User("u1"), candidates=CandidateOptions(filters=filters), options=ALL)
    assert ranked.items
    for item in ranked.items:
        fields = by_id[item.item_id].fields
        assert {"War", "Western"} & set(fields["genres"].split())
        assert int(fields["year"]) >= 1970


async def test_a_query_finds_and_ranks_without_any_user(client: CrossrankClient) -> None:
    ranked = await client.recommend(Query("the frozen harbor"), options=RankingOptions(top_n=5, return_items=True))
    assert len(ranked.items) == 5
    assert not ranked.degraded


async def test_of_items_that_are_named_beside_a_query_the_one_with_that_title_comes_first(
    client: CrossrankClient, items: list[Item]
) -> None:
    films = [Item(f"film {place}", {"title": title, "genres": "Drama"}) for place, title in enumerate(FILMS)]
    await client.upsert_items(films, timeout_s=60.0)
    draw = random.Random(5)
    for wanted in films:
        named = [item.item_id for item in draw.sample([*films, *items], 30) if item != wanted]
        ranked = await client.rerank(Query(wanted.fields["title"]), [*named, wanted.item_id], options=ALL)
        assert not ranked.degraded
        assert ids(ranked)[0] == wanted.item_id, wanted.fields
        assert (ranked.metadata.ordered_by, ranked.metadata.ordered_by_version) == ("FIRST_STAGE", "text_ann")
    await client.delete_items([film.item_id for film in films])


async def test_similar_items_never_contain_the_seed(client: CrossrankClient) -> None:
    ranked = await client.similar_items("m7", options=ALL)
    assert ranked.items
    assert "m7" not in ids(ranked)


async def test_a_stream_sends_first_stage_order_and_then_the_reranked_list(client: CrossrankClient) -> None:
    answers = [answer async for answer in client.recommend_stream(User("u9"), options=replace(READ, top_n=20))]
    assert [answer.stage for answer in answers] == [ListStage.FIRST_STAGE, ListStage.RERANKED]
    first, second = answers[0].ranked, answers[1].ranked
    assert [item.first_stage_rank for item in first.items] == list(range(1, 21))
    assert all(item.logit is None for item in first.items)
    assert all(item.logit is not None for item in second.items)


async def test_an_item_written_now_can_be_recommended_now_and_is_gone_when_deleted(client: CrossrankClient) -> None:
    new = Item("new", {"title": "The Frozen Harbor Returns", "year": "1999", "genres": "Drama"}, {"year": 1999.0})
    await client.upsert_items([new], timeout_s=30.0)
    found = await client.recommend(Query("The Frozen Harbor Returns"), options=ALL)
    assert "new" in ids(found)
    assert (await client.upsert_items([new], timeout_s=30.0)).unchanged == 1
    await client.delete_items(["new"])
    assert "new" not in ids(await client.recommend(Query("The Frozen Harbor Returns"), options=ALL))


async def test_feedback_is_joined_to_the_list_that_was_shown(client: CrossrankClient) -> None:
    ranked = await client.recommend(User("u12"))
    clicked = Interaction("u12", ranked.items[0].item_id, "click", attribution_token=ranked.metadata.attribution_token)
    counts = await client.record_interactions([clicked])
    assert (counts.recorded, counts.attributed) == (1, 1)
    again = await client.recommend(User("u12"), options=ALL)
    assert clicked.item_id not in ids(again), "it is part of the history now"


async def test_unknown_ids_are_typed_errors_and_nothing_is_stored(client: CrossrankClient) -> None:
    with pytest.raises(CrossrankNotFound):
        await client.similar_items("no such item")
    with pytest.raises(CrossrankNotFound):
        await client.rerank(User("u1"), ["m1", "no such item"])
    interactions = [Interaction("u77", "m1", "view"), Interaction("u77", "no such item", "view")]
    with pytest.raises(CrossrankNotFound):
        await client.record_interactions(interactions)
    assert (await client.record_interactions(interactions[:1])).recorded == 1, "nothing of the message was stored"


async def test_a_query_too_long_for_the_model_is_refused_with_the_limit(client: CrossrankClient) -> None:
    with pytest.raises(CrossrankRequestInvalid, match=r"tokens; at most"):
        await client.rerank(Query("word " * 400), ["m1"], options=READ)


async def test_health_and_info_name_the_verified_version(client: CrossrankClient) -> None:
    assert await client.health("") is Health.SERVING
    assert await client.health("crossrank.v1.RankingService") is Health.SERVING
    info = await client.get_info()
    assert info.models[0].ready
    assert info.models[0].encoding_fingerprint
    assert set(info.candidate_sources) == SOURCES
