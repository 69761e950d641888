"""A PostgreSQL of its own for tests that kill it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from deploy.local.parts.ports import free_port
from deploy.local.parts.postgres import Postgres
from deploy.local.process.part import RunningPart
from gateway.store.pool import Database


@pytest.fixture(scope="module")
def fragile_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPart]:
    """A server that only this module uses."""
    directory = tmp_path_factory.mktemp("fragile")
    with RunningPart(Postgres(directory, free_port(), durable=False), state_directory=directory) as running:
        yield running


@pytest.fixture
async def fragile(fragile_server: RunningPart) -> AsyncIterator[Database]:
    """A pool of three connections to it."""
    database = Database(fragile_server.part.url, connections=3)
    await database.open()
    yield database
    await database.close()
