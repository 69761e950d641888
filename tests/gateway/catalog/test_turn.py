"""Of two runs that fill one catalogue the second waits, and goes on however the first ends."""

import asyncio
import sys

import psycopg
import pytest

from gateway.catalog.turn import WAITS, only_run
from gateway.domain.errors import StoreUnavailable
from tests.paths import ROOT

_HOLDER = """
import asyncio, sys
from gateway.catalog.turn import only_run
async def hold():
    async with only_run(sys.argv[1], print):
        print("holds", flush=True)
        await asyncio.Event().wait()
asyncio.run(hold())
"""


async def run_once(url: str, said: asyncio.Queue[str]) -> None:
    async with only_run(url, said.put_nowait):
        said.put_nowait("goes on")


async def test_the_second_says_that_it_waits_and_goes_on_when_the_first_has_ended(postgres: str) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    async with only_run(postgres, said.put_nowait):
        second = asyncio.create_task(run_once(postgres, said))
        assert await said.get() == WAITS
        assert not second.done()
    await second
    assert [said.get_nowait() for _ in range(said.qsize())] == ["goes on"]


async def test_a_run_that_is_killed_leaves_its_turn_to_the_next(postgres: str) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    command, pipe = (sys.executable, "-c", _HOLDER, postgres), asyncio.subprocess.PIPE
    first = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe)
    try:
        assert first.stdout
        assert await first.stdout.readline() == b"holds\n"
        second = asyncio.create_task(run_once(postgres, said))
        assert await said.get() == WAITS
    finally:
        first.kill()
        await first.communicate()
    await second


async def test_who_gives_up_waiting_takes_no_turn(postgres: str) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    async with only_run(postgres, said.put_nowait):
        second = asyncio.create_task(run_once(postgres, said))
        assert await said.get() == WAITS
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
    await run_once(postgres, said)


async def test_a_run_outlives_the_connection_of_its_turn(postgres: str) -> None:
    async with only_run(postgres, lambda _: None):
        _end_all_but_mine(postgres)


async def test_a_server_that_dies_while_one_waits_is_an_error(postgres: str) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    async with only_run(postgres, said.put_nowait):
        second = asyncio.create_task(run_once(postgres, said))
        assert await said.get() == WAITS
        _end_all_but_mine(postgres)
        with pytest.raises(StoreUnavailable):
            await second


def _end_all_but_mine(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
