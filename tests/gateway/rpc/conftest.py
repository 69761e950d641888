"""One server per test: each has its own port, fakes and metrics."""

from collections.abc import AsyncIterator

import pytest

from tests.gateway.rpc.rig import Rig, serving


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    """A running server with default limits."""
    async with serving() as running:
        yield running
