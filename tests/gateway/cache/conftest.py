"""A Redis that tests may kill and freeze."""

from collections.abc import Iterator

import pytest

from deploy.local.parts.ports import free_port
from deploy.local.parts.redis_server import RedisServer
from deploy.local.process.part import RunningPart


@pytest.fixture
def fragile_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPart]:
    """A server of this test alone."""
    directory = tmp_path_factory.mktemp("fragile_redis")
    with RunningPart(RedisServer(directory, free_port()), state_directory=directory) as running:
        yield running
