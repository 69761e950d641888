"""Work that would hold up the event loop goes to a thread; what is shorter than the way there stays. Knows no work."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")

SMALL_LIST = 128
"""Items whose pairs, or whose fused scores, are made in about a millisecond. A thread's answer takes longer to arrive
when the machine is busy, for the thread must first get the interpreter's lock."""


async def in_thread_if_large(items: int, work: Callable[[], Result]) -> Result:
    """What ``work`` on that many items returns."""
    return work() if items <= SMALL_LIST else await asyncio.to_thread(work)
