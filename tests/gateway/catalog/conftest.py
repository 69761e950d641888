"""A real PostgreSQL with the items of the reference, which nobody has liked yet."""

import pytest

from gateway.domain.budget import Budget
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.catalogues import film, indexed
from tests.gateway.catalog.rebuilt import BUDGET_S
from tests.gateway.catalog.reference import IDS


@pytest.fixture
async def catalogue(database: Database) -> Database:
    await PostgresItemStore(database).upsert([indexed(film(item_id)) for item_id in IDS], Budget(BUDGET_S))
    return database
