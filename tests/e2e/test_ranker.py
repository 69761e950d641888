"""A fitted ranker on the real stack: it orders lists as soon as it is kept, and the model server is asked only where
that is wanted."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from crossrank_client import Candidate, CrossrankClient, Query, RankedList, RankingOptions, Reading, User
from deploy.local.stack import LocalStack
from gateway.catalog.rebuild import rebuild_relations
from gateway.domain.budget import Budget
from gateway.ranker.fitted import FittedRanker
from gateway.store.pool import Database
from gateway.store.rankers import PostgresRankerStore
from tests.e2e.catalogue import fill
from tests.fakes.rankers import steps, with_trees, without_trees

TREES = with_trees(steps("relation_order:item_knn", *(60 / (60 + rank) - 1e-4 for rank in range(1, 11))))
"""They put first what is nearest to the history by item kNN."""

SOON_S = 60.0


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """A stack that only this module uses: a gateway never goes back to having no ranker."""
    with LocalStack(tmp_path_factory.mktemp("ranked")) as running:
        yield running


@pytest.fixture(scope="module")
async def database(own_stack: LocalStack) -> AsyncIterator[Database]:
    """Its PostgreSQL, filled and related."""
    await fill(own_stack.status().part("gateway").url)
    database = Database(own_stack.status().part("postgres").url, 2)
    await database.open()
    await rebuild_relations(database, Budget(SOON_S))
    yield database
    await database.close()


@pytest.fixture(scope="module")
async def client(own_stack: LocalStack, database: Database) -> AsyncIterator[CrossrankClient]:
    async with CrossrankClient(own_stack.status().part("gateway").url, timeout_s=5.0) as connected:
        yield connected


async def serve(client: CrossrankClient, database: Database, ranker: FittedRanker) -> None:
    """Keeps the ranker and waits until the gateway has found it."""
    await PostgresRankerStore(database).keep(ranker, Budget(SOON_S))
    async with asyncio.timeout(SOON_S):
        while (found := (await client.get_info()).ranker) is None or found.version != ranker.version:
            await asyncio.sleep(0.05)


def ids(ranked: RankedList) -> list[str]:
    return [item.item_id for item in ranked.items]


async def test_before_anything_is_fitted_a_known_history_has_first_stage_order_and_nobody_reads(
    client: CrossrankClient,
) -> None:
    assert (await client.get_info()).ranker is None
    metadata = (await client.recommend(User("u3"))).metadata
    assert (metadata.ordered_by, metadata.ordered_by_version) == ("FIRST_STAGE", "blend")
    assert metadata.usage.model_requests == 0


async def test_before_anything_is_fitted_texts_of_the_caller_are_read_as_that_was_shown_to_pay(
    client: CrossrankClient,
) -> None:
    candidates = [Candidate("a", {"title": "The Silent River"}), Candidate("b", {"title": "The Golden City"})]
    assert (await client.rerank(User("u3"), candidates)).metadata.ordered_by == "READER"


async def test_trees_order_lists_without_a_word_from_the_model_server(
    client: CrossrankClient, database: Database
) -> None:
    await serve(client, database, TREES)
    ranked = await client.recommend(User("u3"), options=RankingOptions(top_n=20))
    metadata = ranked.metadata
    assert not ranked.degraded
    assert (metadata.ordered_by, metadata.ordered_by_version) == ("TREES", TREES.version)
    assert (metadata.scored_count, metadata.usage.model_requests) == (0, 0)
    assert all(item.logit is None and item.score is not None for item in ranked.items)
    scores = [item.score or 0.0 for item in ranked.items]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 5, "the trees tell items apart"
    assert "signals" in {one.stage for one in metadata.stages}


async def test_logits_stand_beside_the_same_order_when_they_are_asked_for(
    client: CrossrankClient, database: Database
) -> None:
    await serve(client, database, TREES)
    unread = await client.recommend(User("u4"), options=RankingOptions(top_n=20))
    read = await client.recommend(User("u4"), options=RankingOptions(top_n=20, reading=Reading.ALWAYS))
    assert ids(read) == ids(unread)
    assert [item.score for item in read.items] == [item.score for item in unread.items]
    assert all(item.logit is not None for item in read.items)
    assert read.metadata.scored_count == read.metadata.candidate_count


async def test_first_stage_order_has_no_scores_and_says_what_it_is(client: CrossrankClient, database: Database) -> None:
    await serve(client, database, TREES)
    asked = await client.recommend(User("u5"), options=RankingOptions(first_stage_order=True))
    searched = await client.recommend(Query("golden river"))
    for ranked in (asked, searched):
        assert (ranked.metadata.ordered_by, ranked.metadata.ordered_by_version) == ("FIRST_STAGE", "blend")
        assert [item.rank for item in ranked.items] == [item.first_stage_rank for item in ranked.items]
        assert all(item.score is None for item in ranked.items)


async def test_where_the_first_stage_was_better_its_best_source_leads(
    client: CrossrankClient, database: Database
) -> None:
    await serve(client, database, without_trees("item_neighbors"))
    ranked = await client.recommend(User("u6"), options=RankingOptions(top_n=5))
    assert (ranked.metadata.ordered_by, ranked.metadata.ordered_by_version) == ("FIRST_STAGE", "item_neighbors")
    assert all("item_neighbors" in item.sources for item in ranked.items)
