"""The contract of every RankerStore: what was kept comes back by its version, and the one kept last is the newest."""

import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.ports import RankerStore
from gateway.ranker.fitted import FittedRanker
from gateway.store.rankers import MOST, PostgresRankerStore
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


def numbered(number: int) -> FittedRanker:
    return without_trees(reason=f"number {number}")


async def test_the_newest_of_them_stay_newest_first(store: RankerStore) -> None:
    for number in range(MOST + 2):
        await store.keep(numbered(number), Budget(SOON_S))
    await store.keep(numbered(3), Budget(SOON_S))
    kept = await store.kept(Budget(SOON_S))
    assert [one.ranker for one in kept] == [
        numbered(number) for number in (3, *(other for other in range(MOST + 1, 1, -1) if other != 3))
    ]
    assert [one.version for one in kept] == [one.ranker.version for one in kept if one.ranker]
    assert await store.get(numbered(1).version, Budget(SOON_S)) is None


async def test_one_that_is_held_stays_however_many_are_newer(store: RankerStore) -> None:
    await store.keep(FIRST, Budget(SOON_S))
    await store.hold(FIRST.version, Budget(SOON_S))
    await store.hold("0123456789ab", Budget(SOON_S))
    for number in range(MOST + 2):
        await store.keep(numbered(number), Budget(SOON_S))
    assert await store.get(FIRST.version, Budget(SOON_S)) == FIRST
    assert await store.get("0123456789ab", Budget(SOON_S)) is None
    assert len(await store.kept(Budget(SOON_S))) == MOST + 1


async def test_without_time_there_is_no_answer(store: RankerStore) -> None:
    none = Budget(0)
    for asked in (
        store.newest(none),
        store.get("", none),
        store.keep(FIRST, none),
        store.hold("", none),
        store.kept(none),
    ):
        with pytest.raises(StoreUnavailable):
            await asked
