"""A live gateway with fakes behind it, for programs that call it from outside."""

from collections.abc import AsyncIterator

import pytest

from tests.gateway.rpc.rig import serving


@pytest.fixture
async def gateway() -> AsyncIterator[str]:
    """Its address."""
    async with serving() as rig:
        rig.server.health.update(ranking_is_right=True)
        yield rig.target
