"""The contract of every RankerStore: what was kept comes back by its version, and the one kept last is the newest."""

import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.ports import RankerStore
from gateway.store.rankers import PostgresRankerStore
from tests.fakes.rankers import MemoryRankers, steps, with_trees, without_trees

FIRST, SECOND, THIRD = with_trees(steps("relation_sum:ease", 0.5)), without_trees("follows"), without_trees("popular")
SOON_S = 30.0


def in_postgres(request: pytest.FixtureRequest) -> RankerStore:
    return PostgresRankerStore(request.getfixturevalue("database"))


@pytest.fixture(
    params=[
        pytest.param(lambda _: MemoryRankers(), id="memory"),
        pytest.param(in_postgres, id="postgres", marks=pytest.mark.whole),
    ]
)
def store(request: pytest.FixtureRequest) -> RankerStore:
    made: RankerStore = request.param(request)
    return made


async def test_an_empty_store_has_no_newest_and_knows_no_version(store: RankerStore) -> None:
    assert await store.newest(Budget(SOON_S)) == ""
    assert await store.get("0123456789ab", Budget(SOON_S)) is None
    assert await store.get("", Budget(SOON_S)) is None


async def test_what_was_kept_comes_back_whole_by_its_version(store: RankerStore) -> None:
    for ranker in (FIRST, SECOND):
        await store.keep(ranker, Budget(SOON_S))
    for ranker in (FIRST, SECOND):
        assert await store.get(ranker.version, Budget(SOON_S)) == ranker
    assert await store.get(THIRD.version, Budget(SOON_S)) is None


async def test_the_newest_is_the_one_that_was_kept_last_also_if_it_was_kept_before(store: RankerStore) -> None:
    for ranker in (FIRST, SECOND, THIRD, FIRST, SECOND):
        await store.keep(ranker, Budget(SOON_S))
        assert await store.newest(Budget(SOON_S)) == ranker.version


async def test_without_time_there_is_no_answer(store: RankerStore) -> None:
    for asked in (store.newest(Budget(0)), store.get("", Budget(0)), store.keep(FIRST, Budget(0))):
        with pytest.raises(StoreUnavailable):
            await asked
