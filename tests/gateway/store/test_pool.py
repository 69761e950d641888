"""The door to PostgreSQL under faults: every call ends in time, answered or StoreUnavailable, and leaves nothing."""

import asyncio
import os
import signal
from contextlib import suppress

import psycopg
import pytest

from deploy.local.parts.ports import free_port
from deploy.local.process.part import RunningPart
from gateway.domain.budget import Budget
from gateway.domain.errors import InvalidRequest, NotFound, StoreUnavailable
from gateway.store.pool import Database, Row

LONG_S = 20
"""A bound for what must happen soon on any machine."""

HEALED_S = 2.0
"""The first call after PostgreSQL is back gets an answer within this budget."""

SLEEP = "SELECT pg_sleep(60)"


async def one(database: Database, budget_s: float = LONG_S) -> list[Row]:
    return await database.fetch("SELECT 1", [], Budget(budget_s))


async def running(server: RunningPart, query: str = SLEEP) -> list[int]:
    """Processes of the server that run the query, seen from outside of the pool."""
    statement = "SELECT pid FROM pg_stat_activity WHERE query = %s AND state = 'active' AND pid <> pg_backend_pid()"
    async with await psycopg.AsyncConnection.connect(server.part.url) as connection:
        return [pid for (pid,) in await (await connection.execute(statement, [query])).fetchall()]


async def until_running(server: RunningPart, count: int) -> list[int]:
    async with asyncio.timeout(LONG_S):
        while len(pids := await running(server)) != count:
            await asyncio.sleep(0.02)
        return pids


async def until_answering(server: RunningPart) -> None:
    async with asyncio.timeout(LONG_S):
        while True:
            with suppress(psycopg.OperationalError):
                async with await psycopg.AsyncConnection.connect(server.part.url, connect_timeout=2) as connection:
                    await connection.execute("SELECT 1")
                    return
            await asyncio.sleep(0.02)


async def test_a_statement_that_outlives_its_budget_is_cancelled_in_the_server(
    fragile: Database, fragile_server: RunningPart
) -> None:
    with pytest.raises(StoreUnavailable, match=r"within 0\.\d+ s"):
        await fragile.fetch(SLEEP, [], Budget(0.3))
    await until_running(fragile_server, 0)
    assert await one(fragile) == [(1,)]


async def test_a_transaction_that_outlives_its_budget_is_undone(fragile: Database, fragile_server: RunningPart) -> None:
    await fragile.execute("CREATE TABLE IF NOT EXISTS written (number int)", [], Budget(LONG_S))

    async def write_then_wait(connection: psycopg.AsyncConnection[Row]) -> None:
        await connection.execute("INSERT INTO written VALUES (1)")
        await connection.execute(SLEEP)

    with pytest.raises(StoreUnavailable):
        await fragile.transact(write_then_wait, Budget(0.3))
    await until_running(fragile_server, 0)
    assert await fragile.fetch("SELECT * FROM written", [], Budget(LONG_S)) == []


async def test_a_budget_does_not_outlive_its_statement(fragile: Database) -> None:
    for _ in range(4):  # more often than there are connections
        with pytest.raises(StoreUnavailable):
            await fragile.fetch("SELECT pg_sleep(5)", [], Budget(0.05))
    for _ in range(4):
        assert await fragile.fetch("SELECT 1 FROM pg_sleep(0.2)", [], Budget(LONG_S)) == [(1,)]
        assert await fragile.fetch("SHOW statement_timeout", [], Budget(LONG_S)) != [("0",)]


async def test_what_the_work_raises_undoes_it_and_reaches_the_caller(fragile: Database) -> None:
    await fragile.execute("CREATE TABLE IF NOT EXISTS undone (number int)", [], Budget(LONG_S))

    async def write_then_refuse(connection: psycopg.AsyncConnection[Row]) -> None:
        await connection.execute("INSERT INTO undone VALUES (1)")
        raise NotFound("item", "x", "none")

    with pytest.raises(NotFound):
        await fragile.transact(write_then_refuse, Budget(LONG_S))
    assert await fragile.fetch("SELECT * FROM undone", [], Budget(LONG_S)) == []


async def test_a_caller_that_leaves_cancels_its_statement(fragile: Database, fragile_server: RunningPart) -> None:
    call = asyncio.create_task(fragile.fetch(SLEEP, [], Budget(3 * LONG_S)))  # longer than the test waits
    await until_running(fragile_server, 1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until_running(fragile_server, 0)
    assert await one(fragile) == [(1,)]


async def test_a_pool_that_closes_leaves_no_statement_running(fragile_server: RunningPart) -> None:
    database = Database(fragile_server.part.url, connections=3)
    await database.open()
    sleepers = [asyncio.create_task(database.fetch(SLEEP, [], Budget(LONG_S))) for _ in range(3)]
    await until_running(fragile_server, 3)
    sleepers[0].cancel()  # this one is being cancelled already when the pool closes
    await asyncio.sleep(0)
    await database.close()
    assert await running(fragile_server) == []
    await asyncio.wait(sleepers)


async def test_an_exhausted_pool_refuses_within_the_budget(fragile: Database, fragile_server: RunningPart) -> None:
    sleepers = [asyncio.create_task(fragile.fetch(SLEEP, [], Budget(LONG_S))) for _ in range(3)]
    await until_running(fragile_server, 3)
    with pytest.raises(StoreUnavailable, match="connection"):
        await one(fragile, 0.1)
    for sleeper in sleepers:
        sleeper.cancel()
    assert await one(fragile) == [(1,)]


async def test_without_time_the_server_is_not_asked(fragile: Database) -> None:
    with pytest.raises(StoreUnavailable, match="no time"):
        await one(fragile, 0)


async def test_a_server_that_is_not_there_is_unavailable_within_the_budget() -> None:
    database = Database(f"postgresql://nobody@127.0.0.1:{free_port()}/none", connections=2)
    await database.open()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await one(database, 0.2)
    await database.close()


async def test_a_closed_pool_is_unavailable(fragile_server: RunningPart) -> None:
    database = Database(fragile_server.part.url, connections=1)
    await database.open()
    await database.close()
    with pytest.raises(StoreUnavailable):
        await one(database)


async def test_a_reading_statement_cannot_write(fragile: Database) -> None:
    with pytest.raises(StoreUnavailable, match="read-only"):
        await fragile.fetch("CREATE TABLE never (number int)", [], Budget(LONG_S))
    assert await one(fragile) == [(1,)]


async def test_faults_of_values_are_the_requests_and_faults_of_sql_are_ours(fragile: Database) -> None:
    with pytest.raises(InvalidRequest):
        await fragile.fetch("SELECT %s::text", ["a\0b"], Budget(LONG_S))
    with pytest.raises(StoreUnavailable, match="no_such_table"):
        await fragile.fetch("SELECT * FROM no_such_table", [], Budget(LONG_S))
    assert await one(fragile) == [(1,)]


async def test_a_frozen_backend_does_not_hold_its_caller(fragile: Database, fragile_server: RunningPart) -> None:
    call = asyncio.create_task(fragile.fetch(SLEEP, [], Budget(1.0)))
    [pid] = await until_running(fragile_server, 1)
    os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(LONG_S):
            with pytest.raises(StoreUnavailable):
                await call
        assert await one(fragile) == [(1,)]  # through another connection
    finally:
        os.kill(pid, signal.SIGCONT)
    await until_running(fragile_server, 0)


async def test_when_all_connections_went_silent_the_call_after_the_first_that_noticed_is_answered(
    fragile_server: RunningPart,
) -> None:
    database = Database(fragile_server.part.url, connections=5)
    await database.open()
    calls = [asyncio.create_task(database.fetch(SLEEP, [], Budget(LONG_S))) for _ in range(5)]
    pids = await until_running(fragile_server, 5)
    for call in calls:
        call.cancel()
    await until_running(fragile_server, 0)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)  # a new connection is served
    try:
        with pytest.raises(StoreUnavailable):
            await one(database, 0.3)
        assert await one(database, HEALED_S) == [(1,)]
        assert await asyncio.gather(*[one(database, HEALED_S) for _ in range(10)]) == [[(1,)]] * 10
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        await database.close()


async def test_a_killed_backend_fails_its_call_and_the_pool_heals(
    fragile: Database, fragile_server: RunningPart
) -> None:
    call = asyncio.create_task(fragile.fetch(SLEEP, [], Budget(LONG_S)))
    [pid] = await until_running(fragile_server, 1)
    os.kill(pid, signal.SIGKILL)  # PostgreSQL then ends all its backends and recovers
    with pytest.raises(StoreUnavailable):
        await call
    await until_answering(fragile_server)
    assert await one(fragile, HEALED_S) == [(1,)]


@pytest.mark.parametrize("calls_meanwhile", [0, 20])
async def test_after_a_killed_server_is_back_the_first_call_is_answered(
    fragile: Database, fragile_server: RunningPart, calls_meanwhile: int
) -> None:
    await asyncio.gather(*[one(fragile) for _ in range(3)])
    assert fragile_server.pid is not None
    os.kill(fragile_server.pid, signal.SIGKILL)
    async with asyncio.timeout(LONG_S):
        while fragile_server.exit_code() is None:
            await asyncio.sleep(0.02)
    for _ in range(calls_meanwhile):
        with pytest.raises(StoreUnavailable):
            await one(fragile, 0.1)
    await asyncio.to_thread(fragile_server.start)
    await asyncio.to_thread(fragile_server.wait_until_ready)
    assert await one(fragile, HEALED_S) == [(1,)]
    assert await asyncio.gather(*[one(fragile, LONG_S) for _ in range(12)]) == [[(1,)]] * 12
