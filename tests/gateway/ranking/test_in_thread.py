"""Small work stays on the event loop, large work leaves it; the result is the same."""

import threading

import pytest

from gateway.ranking.in_thread import SMALL_LIST, in_thread_if_large


@pytest.mark.parametrize(("items", "stays"), [(0, True), (SMALL_LIST, True), (SMALL_LIST + 1, False)])
async def test_where_work_runs_depends_on_its_size(items: int, stays: bool) -> None:
    thread = await in_thread_if_large(items, threading.current_thread)
    assert (thread is threading.current_thread()) == stays


@pytest.mark.parametrize("items", [1, SMALL_LIST + 1])
async def test_what_the_work_raises_arrives(items: int) -> None:
    def fail() -> int:
        raise ZeroDivisionError("in the work")

    with pytest.raises(ZeroDivisionError, match="in the work"):
        await in_thread_if_large(items, fail)
