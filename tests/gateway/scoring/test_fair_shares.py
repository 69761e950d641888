"""Shares of callers under load: who asks for little gets it, the others share what is left alike, and nothing is left
lying while somebody asks."""

import heapq
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack

import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import Overloaded
from gateway.domain.values import Priority
from gateway.scoring.admission import Admission, AdmissionLimits
from gateway.scoring.fair_shares import MEMORY_S, FairShares, Share

SPEED, LIST, DEADLINE_S = 30_000, 1_500, 1.0
SETTLED_S, SECONDS = 15.0, 135.0
"""Until then the speed of the model is not known; it is not counted."""

SATURATION = SPEED / LIST
"""Lists per second that the model can do."""

LITTLE = {f"little{number}": 0.05 for number in range(9)}


class Service:
    """One model that works first in, first out, and callers with Poisson arrivals of lists, on a clock of its own."""

    def __init__(self, seed: int) -> None:
        self.now = 0.0
        limits = AdmissionLimits(200_000, 0.8, retry_after_s=0.25, drained_in_s=0.5)
        self.admission = Admission(limits, clock=lambda: self.now)
        self.offered: Counter[str] = Counter()
        self.in_time: Counter[str] = Counter()
        self._draw = random.Random(seed)
        self._free_at = 0.0

    def run(self, rates: Mapping[str, float], *, named: bool = True) -> None:
        """``rates``: lists offered, as a share of what the model can do. Not ``named``: nobody is asked who calls."""
        events: list[tuple[float, int, str, ExitStack | None]] = []
        for number, (caller, rate) in enumerate(rates.items()):
            events.append((self._draw.expovariate(rate * SATURATION), number, caller, None))
        heapq.heapify(events)
        number = len(events)
        while events:
            self.now, _, caller, ending = heapq.heappop(events)
            if ending is not None:
                ending.close()
                continue
            if self.now > SECONDS:
                continue
            number += 2
            heapq.heappush(
                events, (self.now + self._draw.expovariate(rates[caller] * SATURATION), number, caller, None)
            )
            counts = self.now >= SETTLED_S
            self.offered[caller] += counts
            running, budget = ExitStack(), Budget(DEADLINE_S, clock=lambda: self.now)
            try:
                held = running.enter_context(
                    self.admission.admit(LIST, Priority.INTERACTIVE, budget, caller if named else "")
                )
            except Overloaded:
                continue
            self._free_at = max(self._free_at, self.now) + LIST / SPEED
            running.callback(held.scored, LIST)
            self.in_time[caller] += counts and self._free_at <= self.now + DEADLINE_S
            heapq.heappush(events, (self._free_at, number + 1, caller, running))

    def share(self, *callers: str) -> float:
        """Of their lists, those that were whole in time."""
        return sum(self.in_time[one] for one in callers) / sum(self.offered[one] for one in callers)

    def used(self, *callers: str) -> float:
        """Of all the model could do, what went to them in time."""
        return sum(self.in_time[one] for one in callers or self.in_time) / ((SECONDS - SETTLED_S) * SATURATION)


@pytest.mark.parametrize("seed", range(3))
def test_nine_callers_who_ask_for_little_are_served_beside_one_who_asks_for_ten_times_all(seed: int) -> None:
    service = Service(seed)
    service.run({**LITTLE, "greedy": 10.0})
    assert service.share(*LITTLE) >= 0.995
    assert service.used() >= 0.95, "what they leave is used"


def test_without_names_the_greedy_one_takes_it_all() -> None:
    """The positive control: what the shares are there for."""
    service = Service(1)
    service.run({**LITTLE, "greedy": 10.0}, named=False)
    assert service.share(*LITTLE) < 0.5


def test_two_who_ask_for_too_much_get_the_same_however_much_it_is() -> None:
    service = Service(2)
    service.run({**LITTLE, "greedy": 10.0, "greedier": 30.0})
    assert service.share(*LITTLE) >= 0.99
    assert service.used("greedy") == pytest.approx(service.used("greedier"), rel=0.15)


def test_a_caller_alone_may_use_all_of_it() -> None:
    service = Service(3)
    service.run({"greedy": 2.0})
    assert service.used("greedy") >= 0.95


def test_where_there_is_enough_for_all_nobody_is_held_back() -> None:
    service = Service(4)
    service.run({**LITTLE, "busy": 0.35})
    assert service.share(*LITTLE, "busy") >= 0.99


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_what_was_asked_long_ago_counts_no_more() -> None:
    clock = Clock()
    shares = FairShares(clock)
    shares.asked("much", 10_000)
    shares.asked("little", 100)
    assert shares.of("much", 100.0).most == pytest.approx(0.9)
    assert shares.of("little", 100.0) == Share(crowded=True)
    clock.now = 10 * MEMORY_S
    assert shares.of("much", 100.0) == shares.of("little", 100.0) == Share()


def test_before_the_speed_is_known_nobody_has_too_much() -> None:
    shares = FairShares(Clock())
    shares.asked("much", 10**9)
    assert shares.of("much", float("inf")) == Share()


def test_a_model_that_does_nothing_leaves_nobody_a_share() -> None:
    shares = FairShares(Clock())
    shares.asked("much", 100)
    assert shares.of("much", 0.0) == Share(most=0.0)
