"""What holds up the event loop shows as lag, and the watch ends with its block."""

import asyncio
import time

from gateway.telemetry.loop_lag import watch_loop_lag


async def test_a_loop_that_is_held_up_is_late_by_as_much() -> None:
    lags: list[float] = []
    async with watch_loop_lag(lags.append, interval_s=0.001), asyncio.timeout(30):
        while not lags:
            await asyncio.sleep(0)
        lags.clear()
        time.sleep(0.05)  # noqa: ASYNC251  this is the lag
        while not lags:
            await asyncio.sleep(0)
    assert lags[0] >= 0.04
    assert min(lags) >= 0


async def test_the_watch_ends_with_its_block() -> None:
    lags: list[float] = []
    async with watch_loop_lag(lags.append, interval_s=0):
        pass
    seen = len(lags)
    for _ in range(10):
        await asyncio.sleep(0)
    assert len(lags) == seen
