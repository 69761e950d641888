"""Every store twice: in memory, and on the real PostgreSQL."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gateway.ports import FeedbackStore, HistoryStore, ItemStore
from gateway.store.feedback import PostgresFeedbackStore
from gateway.store.histories import PostgresHistoryStore
from gateway.store.items import PostgresItemStore
from gateway.store.pool import Database
from tests.fakes.stores import Memory, MemoryFeedbackStore, MemoryHistoryStore, MemoryItemStore


@dataclass(frozen=True)
class Stores:
    """Three ports on the same data."""

    items: ItemStore
    histories: HistoryStore
    feedback: FeedbackStore


def _in_memory(database: Database) -> Stores:
    memory = Memory()
    return Stores(MemoryItemStore(memory), MemoryHistoryStore(memory), MemoryFeedbackStore(memory))


def _in_postgres(database: Database) -> Stores:
    return Stores(PostgresItemStore(database), PostgresHistoryStore(database), PostgresFeedbackStore(database))


@pytest.fixture(params=[_in_memory, _in_postgres], ids=["memory", "postgres"])
def stores(request: pytest.FixtureRequest, database: Database) -> Stores:
    """The stores under contract, empty."""
    make: Callable[[Database], Stores] = request.param
    return make(database)
