"""Every store twice: in memory, and on the real PostgreSQL."""

from dataclasses import dataclass

import pytest

from gateway.ports import FeedbackStore, HistoryStore, ItemStore
from gateway.store.feedback import PostgresFeedbackStore
from gateway.store.histories import PostgresHistoryStore
from gateway.store.items import PostgresItemStore
from tests.fakes.stores import Memory, MemoryFeedbackStore, MemoryHistoryStore, MemoryItemStore


@dataclass(frozen=True)
class Stores:
    """Three ports on the same data."""

    items: ItemStore
    histories: HistoryStore
    feedback: FeedbackStore


def _in_memory(request: pytest.FixtureRequest) -> Stores:
    memory = Memory()
    return Stores(MemoryItemStore(memory), MemoryHistoryStore(memory), MemoryFeedbackStore(memory))


def _in_postgres(request: pytest.FixtureRequest) -> Stores:
    database = request.getfixturevalue("database")
    return Stores(PostgresItemStore(database), PostgresHistoryStore(database), PostgresFeedbackStore(database))


@pytest.fixture(
    params=[
        pytest.param(_in_memory, id="memory"),
        pytest.param(_in_postgres, id="postgres", marks=pytest.mark.whole),
    ]
)
def stores(request: pytest.FixtureRequest) -> Stores:
    """The stores under contract, empty."""
    made: Stores = request.param(request)
    return made
