"""Rankers in PostgreSQL: what a contract suite cannot see, since it has no way to break a row."""

import pytest

from gateway.domain.budget import Budget
from gateway.ranker.spec import SpecInvalid
from gateway.store.pool import Database
from gateway.store.rankers import PostgresRankerStore
from tests.fakes.rankers import steps, with_trees

RANKER = with_trees(steps("relation_sum:ease", 0.5))
SOON_S = 30.0


async def test_a_ranker_is_kept_once_however_often_it_is_fitted(database: Database) -> None:
    store = PostgresRankerStore(database)
    for _ in range(3):
        await store.keep(RANKER, Budget(SOON_S))
    assert await database.fetch("SELECT version, ranker FROM rankers", [], Budget(SOON_S)) == [
        (RANKER.version, RANKER.to_json())
    ]


async def test_a_row_that_cannot_be_read_is_a_fault_of_that_version_alone(database: Database) -> None:
    store = PostgresRankerStore(database)
    await store.keep(RANKER, Budget(SOON_S))
    await database.execute("INSERT INTO rankers (version, ranker) VALUES ('b', '{}')", [], Budget(SOON_S))
    assert await store.newest(Budget(SOON_S)) == "b"
    with pytest.raises(SpecInvalid, match="crossrank index"):
        await store.get("b", Budget(SOON_S))
    assert await store.get(RANKER.version, Budget(SOON_S)) == RANKER
