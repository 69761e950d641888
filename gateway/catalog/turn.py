"""One run at a time fills a catalogue: of two that fill it at once, each would relate items, and fit what orders lists,
from what the other has half written. Knows nothing of what a run does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from psycopg import AsyncConnection

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.domain.progress import Say
from gateway.store.pool import Database, Row

RUN_S = 7 * 86_400.0
"""Longest that a turn is waited for and held."""

WAITS = "another run fills this catalogue: this one goes on when that has ended"
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtext('crossrank.index'))"
_PAUSE_S = 0.2


@asynccontextmanager
async def only_run(url: str, say: Say) -> AsyncIterator[None]:
    """Waits until no other run holds the database of ``url``, having said WAITS, and holds it while the block runs. The
    turn ends with the process, or the connection. Raises StoreUnavailable while it waits.

    Held by a transaction on a connection of its own: PostgreSQL ends it with the process, and a pooler that gives a
    connection per transaction keeps it.
    """
    begun, ended = asyncio.Event(), asyncio.Event()

    async def hold(connection: AsyncConnection[Row]) -> None:
        told = False
        while await (await connection.execute(_LOCK)).fetchone() != (True,):
            if not told:
                say(WAITS)
            told = True
            await asyncio.sleep(_PAUSE_S)
        begun.set()
        await ended.wait()

    async with Database(url, connections=1) as database:
        holding = asyncio.create_task(database.transact(hold, Budget(RUN_S)))
        waiting = asyncio.create_task(begun.wait())
        try:
            await asyncio.wait({holding, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if not begun.is_set():
                await holding
            yield
        finally:
            waiting.cancel()
            ended.set()
            if not begun.is_set():
                holding.cancel()
            with suppress(StoreUnavailable, asyncio.CancelledError):  # who lost the turn meanwhile gives none back
                await holding
