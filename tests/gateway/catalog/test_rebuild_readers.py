"""What a rebuild does to those who read meanwhile: they see the old rows until all new ones are there."""

import asyncio

import psycopg
import pytest

from gateway.candidates.popular import Popular
from gateway.catalog.bulk_load import load_interactions
from gateway.catalog.rebuild import rebuild_relations
from gateway.catalog.relations import RelationSettings
from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.domain.values import CandidateQuery
from gateway.store.pool import Database
from tests.fakes.catalogues import did
from tests.gateway.catalog.rebuilt import BUDGET_S, built, stored_signals, stored_weights, version
from tests.gateway.catalog.reference import drawn


def shared_by(users: int, ridge: float = RelationSettings().ridge) -> float:
    """The weights of two items that so many users liked together, and nothing else."""
    return users / (users + ridge)


class Halted:
    """A rebuild that stands still in its middle, since another transaction holds a table that it writes last."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __aenter__(self) -> "Halted":
        self._holder = await psycopg.AsyncConnection.connect(self._url)
        await self._holder.execute("LOCK TABLE item_signals IN SHARE ROW EXCLUSIVE MODE")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._holder.close()

    async def reached(self) -> None:
        """Somebody waits for the table."""
        async with asyncio.timeout(BUDGET_S):
            while not await self._waiting():
                await asyncio.sleep(0.01)

    async def _waiting(self) -> bool:
        query = "SELECT FROM pg_locks WHERE relation = 'item_signals'::regclass AND NOT granted"
        return await (await self._holder.execute(query)).fetchone() is not None


async def popular_ids(database: Database) -> list[str]:
    found = await Popular(database).fetch(CandidateQuery(limit=100), Budget(BUDGET_S))
    return [one.item_id for one in found]


async def test_readers_see_the_old_rows_until_all_new_ones_are_there(catalogue: Database, postgres: str) -> None:
    await built(catalogue, [did("u0", "i00"), did("u0", "i01")])
    await load_interactions(catalogue, [did("u1", "i02"), did("u2", "i02")], lambda _: None)
    async with Halted(postgres) as halted:
        rebuild = asyncio.create_task(rebuild_relations(catalogue, Budget(BUDGET_S)))
        await halted.reached()
        assert await popular_ids(catalogue) == ["i00", "i01"]
    await rebuild
    assert await popular_ids(catalogue) == ["i02", "i00", "i01"]


async def test_a_rebuild_that_does_not_end_in_time_leaves_the_old_rows(catalogue: Database, postgres: str) -> None:
    await built(catalogue, [did("u0", "i00"), did("u0", "i01")])
    await load_interactions(catalogue, [did("u1", "i02")], lambda _: None)
    async with Halted(postgres) as halted:
        rebuild = asyncio.create_task(rebuild_relations(catalogue, Budget(2.0)))
        await halted.reached()
        with pytest.raises(StoreUnavailable):
            await rebuild
    assert await popular_ids(catalogue) == ["i00", "i01"]
    assert {item_id for item_id, one in (await stored_signals(catalogue)).items() if len(one.neighbors)} == {
        "i00",
        "i01",
    }
    assert await stored_weights(catalogue) == {
        "i00": {"i01": pytest.approx(shared_by(1))},
        "i01": {"i00": pytest.approx(shared_by(1))},
    }


async def test_every_rebuild_makes_a_new_version_and_one_that_fails_makes_none(
    catalogue: Database, postgres: str
) -> None:
    assert await version(catalogue) == 0
    await built(catalogue, drawn(1))
    assert await version(catalogue) == 1
    await rebuild_relations(catalogue, Budget(BUDGET_S))
    assert await version(catalogue) == 2
    async with Halted(postgres):
        with pytest.raises(StoreUnavailable):
            await rebuild_relations(catalogue, Budget(2.0))
    assert await version(catalogue) == 2
