"""Speed is what the model does while it is busy; idle time and small work say nothing of it."""

import math

import pytest

from gateway.scoring.throughput import MEMORY_S, Throughput


class Measured:
    """A throughput on a clock that moves as it is told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.throughput = Throughput(clock=lambda: self.now)

    def run(self, seconds: float, tokens_per_s: float, *, busy: bool = True) -> None:
        for _ in range(round(seconds * 100)):
            self.now += 0.01
            self.throughput.passed(busy=busy)
            self.throughput.scored(round(tokens_per_s / 100))


def test_before_anything_was_scored_no_speed_is_known() -> None:
    one = Measured()
    one.run(1.0, 0)
    assert one.throughput.tokens_per_s == math.inf


def test_the_speed_is_tokens_by_busy_second() -> None:
    one = Measured()
    one.run(3.0, 20_000)
    assert one.throughput.tokens_per_s == pytest.approx(20_000, rel=0.01)


def test_neither_idle_time_nor_work_of_a_quiet_model_changes_it() -> None:
    one = Measured()
    one.run(1.0, 20_000)
    one.run(60.0, 300, busy=False)
    one.run(60.0, 10**6, busy=False)
    assert one.throughput.tokens_per_s == pytest.approx(20_000, rel=0.01)


def test_a_model_that_became_slower_is_known_after_a_few_seconds() -> None:
    one = Measured()
    one.run(5.0, 20_000)
    one.run(3 * MEMORY_S, 5_000)
    assert 5_000 < one.throughput.tokens_per_s < 6_000


def test_a_model_that_answers_nothing_for_an_hour_is_slow_and_not_unknown() -> None:
    one = Measured()
    one.run(1.0, 20_000)
    one.now += 3600
    one.throughput.passed(busy=True)
    assert one.throughput.tokens_per_s < 1
