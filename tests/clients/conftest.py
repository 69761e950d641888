"""Fixtures: a scripted server, and a client of it."""

from collections.abc import AsyncIterator

import pytest

from crossrank_client import CrossrankClient
from tests.clients.scripted import ScriptedServer


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as running:
        yield running


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[CrossrankClient]:
    async with CrossrankClient(server.target) as connected:
        yield connected
