"""The one door to PostgreSQL: connections, time limits, and its errors translated once. Knows no table."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Self, TypeVar
from weakref import WeakKeyDictionary

import psycopg
from psycopg import AsyncConnection
from psycopg.pq import ConnStatus, TransactionStatus
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError, InvalidRequest, StoreUnavailable, Violation

Row = tuple[Any, ...]
Result = TypeVar("Result")
NO_SETTINGS: Mapping[str, str] = {}

ANSWER_GRACE_S = 0.02
"""How much longer than the budget we wait, so that the server's own time-out can arrive."""

_CANCEL_S = 0.5
"""For the server to end a statement whose time is up; then its connection is closed."""

_PROBE_S = 0.1
"""For a connection to show that it is not one of those that went silent."""

_CONNECT_TIMEOUT_S = 2
_CLOSE_TIMEOUT_S = 2.0
_RECONNECT_S = 0.5
"""How long the pool retries one connection before it waits to be asked again: its pauses double, so a longer time
would keep a pool empty for many seconds after PostgreSQL is back."""

_SET = "set_config('{}', '{}', true)"  # for the transaction
_READ_ONLY = {"transaction_read_only": "on"}

# Plans must see the parameters (a generic plan does not use the vector index). An index scan goes on until it has
# enough rows that pass the filters, within bounds of tuples and memory; its rows are sorted afterwards, and the strict
# order would drop those that come late.
# tests/gateway/candidates/test_text_ann_recall.py holds these values to their recall.
_CONFIGURE = """
    SET plan_cache_mode = force_custom_plan;
    SET jit = off;
    SET hnsw.iterative_scan = relaxed_order;
    SET hnsw.ef_search = 800;
    SET hnsw.max_scan_tuples = 100000;
    SET hnsw.scan_mem_multiplier = 8;
"""


class Database:
    """A pool of connections. Every method ends within its budget and raises StoreUnavailable or InvalidRequest."""

    def __init__(self, url: str, connections: int = 8) -> None:
        self._pool: AsyncConnectionPool[AsyncConnection[Row]] = AsyncConnectionPool(
            url,
            min_size=connections,
            max_size=connections,
            open=False,
            reconnect_timeout=_RECONNECT_S,
            configure=self._configure,
            kwargs={"autocommit": True, "connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "crossrank"},
        )
        self._running: set[asyncio.Task[Any]] = set()
        self._heard_at: WeakKeyDictionary[AsyncConnection[Row], float] = WeakKeyDictionary()
        self._silent_at = -math.inf
        """When the server last failed to answer or to cancel: who was not heard since may be behind a dead line."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def open(self) -> None:
        """Starts to connect; does not wait for PostgreSQL."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        """Ends what is running, in the server too, and closes all connections."""
        for task in self._running:
            if not task.cancelling():  # cancelled twice, it would leave its statement running in the server
                task.cancel()
        if self._running:
            await asyncio.wait(self._running, timeout=_CLOSE_TIMEOUT_S)
        await self._pool.close(timeout=_CLOSE_TIMEOUT_S)

    async def fetch(
        self, query: str, parameters: Sequence[object], budget: Budget, settings: Mapping[str, str] = NO_SETTINGS
    ) -> list[Row]:
        """The rows of one reading statement, in one round trip. ``settings`` of PostgreSQL hold for it alone."""
        return await self._statement(query, parameters, budget, {**_READ_ONLY, **settings})

    async def execute(self, query: str, parameters: Sequence[object], budget: Budget) -> list[Row]:
        """The rows that one writing statement returns, in one round trip."""
        return await self._statement(query, parameters, budget, NO_SETTINGS)

    async def transact(self, work: Callable[[AsyncConnection[Row]], Awaitable[Result]], budget: Budget) -> Result:
        """The result of ``work`` done in one transaction; what it raises undoes everything."""

        async def write(connection: AsyncConnection[Row]) -> Result:
            async with connection.transaction():
                await _set(connection, {"statement_timeout": _milliseconds(budget)})
                return await work(connection)

        return await self._within(budget, write)

    async def _statement(
        self, query: str, parameters: Sequence[object], budget: Budget, settings: Mapping[str, str]
    ) -> list[Row]:
        """What a pipeline sends is one transaction without BEGIN and COMMIT, each of which would cost as much as a
        statement (PostgreSQL, "Pipelining")."""

        async def run(connection: AsyncConnection[Row]) -> list[Row]:
            async with connection.pipeline():
                await _set(connection, {**settings, "statement_timeout": _milliseconds(budget)})
                cursor = await connection.cursor(binary=True).execute(query, parameters)
            return await cursor.fetchall() if cursor.description else []

        return await self._within(budget, run)

    async def _within(self, budget: Budget, work: Callable[[AsyncConnection[Row]], Awaitable[Result]]) -> Result:
        """Runs ``work`` as a task of its own: a server that neither answers nor cancels must not hold the caller."""
        if budget.spent:
            raise StoreUnavailable("no time was left to ask PostgreSQL: give the call a longer deadline")
        allowed_s = budget.left_s
        task = asyncio.create_task(self._connected(budget, work))
        self._running.add(task)
        task.add_done_callback(self._forget)
        try:
            await asyncio.wait({task}, timeout=allowed_s + ANSWER_GRACE_S)
            if task.done():
                return task.result()
            self._silent_at = time.monotonic()
        except psycopg.Error as fault:
            raise _translated(fault, allowed_s) from fault
        finally:
            if not task.done():
                task.cancel()
                asyncio.get_running_loop().call_later(_CANCEL_S, task.cancel)  # psycopg then closes the connection
        raise StoreUnavailable(f"PostgreSQL did not answer within {allowed_s:.3f} s: retry later")

    async def _connected(self, budget: Budget, work: Callable[[AsyncConnection[Row]], Awaitable[Result]]) -> Result:
        connection = await self._acquire(budget)
        try:
            result = await work(connection)
            self._heard_at[connection] = time.monotonic()
            return result
        except psycopg.Error:
            if connection.pgconn.transaction_status in {TransactionStatus.INTRANS, TransactionStatus.INERROR}:
                await connection.rollback()
            raise
        finally:
            await self._pool.putconn(connection)

    async def _acquire(self, budget: Budget) -> AsyncConnection[Row]:
        """A connection that was alive a moment ago. Raises PoolTimeout when there is none within the budget."""
        while True:
            try:
                connection = await self._pool.getconn(timeout=min(budget.left_s, _RECONNECT_S))
            except PoolTimeout:
                if budget.spent:
                    raise
                continue  # asking again makes a pool that gave up connect again
            usable = False
            try:
                usable = _is_alive(connection) and await self._answers(connection)
            finally:
                if not usable:
                    await self._pool.putconn(connection)  # the pool replaces it
            if usable:
                return connection

    async def _answers(self, connection: AsyncConnection[Row]) -> bool:
        """Closes a connection that was not heard since others went silent, and is silent too."""
        if self._heard_at[connection] > self._silent_at:
            return True
        probe = asyncio.create_task(connection.execute(""))
        try:
            await asyncio.wait({probe}, timeout=_PROBE_S)
            return probe.done() and probe.exception() is None
        finally:
            while not probe.done():  # once to end the statement, once more to close the connection
                probe.cancel()
                await asyncio.wait({probe}, timeout=_PROBE_S / 10)

    async def _configure(self, connection: AsyncConnection[Row]) -> None:
        await connection.execute(_CONFIGURE)
        self._heard_at[connection] = time.monotonic()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # read, so that asyncio does not report what came too late


async def _set(connection: AsyncConnection[Row], settings: Mapping[str, str]) -> None:
    """Holds until the end of the transaction. Names and values are this project's own, written into the statement: as
    parameters they would take the driver as long as those of the statement that follows."""
    wanted = ", ".join(_SET.format(name, value.replace("'", "''")) for name, value in settings.items())
    await connection.execute(f"SELECT {wanted}".encode(), prepare=False)


def _is_alive(connection: AsyncConnection[Row]) -> bool:
    """Without a round trip: a server that died left its last words in the socket, then an end of file."""
    try:
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return False
    return connection.pgconn.status == ConnStatus.OK


def _milliseconds(budget: Budget) -> str:
    return f"{max(1, round(budget.left_s * 1000))}ms"  # 0 would mean: no limit


def _translated(fault: psycopg.Error, allowed_s: float) -> CrossrankError:
    if isinstance(fault, PoolTimeout):
        return StoreUnavailable(
            f"no connection to PostgreSQL was free within {allowed_s:.3f} s: it is away, or all connections are busy"
        )
    if isinstance(fault, psycopg.errors.QueryCanceled):
        return StoreUnavailable(f"PostgreSQL did not answer within {allowed_s:.3f} s: retry later")
    detail = fault.diag.message_primary or str(fault).partition("\n")[0] or type(fault).__name__
    if isinstance(fault, psycopg.DataError):
        return InvalidRequest(Violation("", f"PostgreSQL cannot store a value: {detail}"))
    return StoreUnavailable(f"PostgreSQL: {detail}")
