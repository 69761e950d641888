"""How late the event loop is: the one number that says that something holds it up. Knows no metrics library."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

INTERVAL_S = 0.1


@asynccontextmanager
async def watch_loop_lag(observe: Callable[[float], None], interval_s: float = INTERVAL_S) -> AsyncIterator[None]:
    """While the block runs, calls ``observe`` with the seconds by which each sleep of ``interval_s`` was late."""
    watch = asyncio.create_task(_watch(observe, interval_s))
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


async def _watch(observe: Callable[[float], None], interval_s: float) -> None:
    while True:
        started = time.perf_counter()
        await asyncio.sleep(interval_s)
        observe(max(0.0, time.perf_counter() - started - interval_s))
