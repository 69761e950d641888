"""Work beside a block: it goes on while the block does, ends with it, and a fault of it is not lost."""

import asyncio

import pytest

from gateway.domain.background import in_background


async def test_it_runs_beside_the_block_and_has_ended_after_it() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with in_background(work()):
        await begun.wait()
        assert not ended.is_set()
    assert ended.is_set()


async def test_its_fault_is_raised_when_the_block_ends() -> None:
    failed = asyncio.Event()

    async def work() -> None:
        failed.set()
        raise ValueError("odd")

    with pytest.raises(ValueError, match="odd"):
        async with in_background(work()):
            await failed.wait()
