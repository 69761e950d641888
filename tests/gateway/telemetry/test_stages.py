"""Stages are timed in order, whether they succeed, fail or are cancelled."""

import asyncio
from collections.abc import Callable

import pytest

from gateway.telemetry.stages import StageClock


def ticking(*times: float) -> Callable[[], float]:
    """A clock that gives these readings."""
    return iter(times).__next__


def test_stages_come_out_in_the_order_in_which_they_ended() -> None:
    clock = StageClock(clock=ticking(1.0, 1.5, 2.0, 5.0))
    with clock.stage("history"):
        pass
    with clock.stage("candidates"):
        pass
    assert clock.times == (("history", 0.5), ("candidates", 3.0))


def test_a_stage_that_fails_is_timed_and_its_error_passes_through() -> None:
    observed: list[tuple[str, float]] = []
    clock = StageClock(lambda stage, seconds: observed.append((stage, seconds)), clock=ticking(1.0, 4.0))
    with pytest.raises(ValueError, match="broken"), clock.stage("score"):
        raise ValueError("broken")
    assert clock.times == (("score", 3.0),)
    assert observed == [("score", 3.0)]


async def test_a_stage_that_is_cancelled_is_timed() -> None:
    clock = StageClock(clock=ticking(1.0, 2.0))
    entered = asyncio.Event()

    async def wait() -> None:
        with clock.stage("score"):
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert clock.times == (("score", 1.0),)


def test_a_stage_in_a_stage_is_timed_on_its_own() -> None:
    clock = StageClock(clock=ticking(0.0, 1.0, 3.0, 6.0))
    with clock.stage("outer"), clock.stage("inner"):
        pass
    assert clock.times == (("inner", 2.0), ("outer", 6.0))


def test_times_read_early_do_not_change_later() -> None:
    clock = StageClock()
    before = clock.times
    with clock.stage("late"):
        pass
    assert before == ()
