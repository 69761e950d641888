"""The connection pool: every query inside a budget, every PostgreSQL error translated here. Knows no tables."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from gateway.budget import Budget
from gateway.errors import StoreUnavailable

Connection = AsyncConnection[TupleRow]

SCHEMA_LOCK = 4_713_201
"""Advisory lock: two gateways that start at once apply the schema one after the other."""

_SESSION = (
    # Filtered HNSW loses rows silently unless the scan goes on until the limit is reached.
    "SET hnsw.iterative_scan = strict_order",
    "SET hnsw.ef_search = 400",
    "SET hnsw.max_scan_tuples = 200000",
    "SET application_name = 'crossrank'",
)


class Database:
    """A pool of autocommit connections. Open it before use; close it at the end."""

    def __init__(self, url: str, connections: int) -> None:
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            url,
            min_size=min(2, connections),
            max_size=connections,
            open=False,
            configure=_configure,
            check=AsyncConnectionPool.check_connection,
            kwargs={"autocommit": True, "connect_timeout": 3},
            reconnect_timeout=3600,
        )

    async def open(self, timeout_s: float = 30.0) -> None:
        """Connects, and applies the schema. Raises StoreUnavailable."""
        await self._pool.open(wait=False)
        async with self.connection(Budget(timeout_s)) as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (SCHEMA_LOCK,))
            await connection.execute(files("gateway.store").joinpath("schema.sql").read_bytes())

    async def close(self) -> None:
        """Closes all connections."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self, budget: Budget) -> AsyncIterator[Connection]:
        """A connection for as long as the budget lasts; a query that outlives it is cancelled in the server.

        Raises StoreUnavailable for whatever goes wrong on the way.
        """
        try:
            async with asyncio.timeout(budget.left_s):
                async with self._pool.connection(timeout=max(0.001, budget.left_s)) as connection:
                    yield connection
        except (TimeoutError, PoolTimeout) as fault:
            raise StoreUnavailable("PostgreSQL did not answer within the budget of this step") from fault
        except (psycopg.Error, PoolClosed) as fault:
            raise StoreUnavailable(f"PostgreSQL failed: {_first_line(fault)}") from fault

    async def rows(self, budget: Budget, query: Any, parameters: Any = None) -> list[TupleRow]:
        """All rows of one query."""
        async with self.connection(budget) as connection:
            cursor = await connection.execute(query, parameters)
            return await cursor.fetchall()


async def _configure(connection: Connection) -> None:
    await connection.execute("LOAD 'vector'")
    for statement in _SESSION:
        await connection.execute(statement)


def _first_line(fault: BaseException) -> str:
    return (str(fault).strip().splitlines() or [type(fault).__name__])[0]
