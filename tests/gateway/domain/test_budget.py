"""A budget is what is left until a moment; slices never outlive it."""

from gateway.domain.budget import Budget


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_time_that_passes_is_taken_from_the_budget_and_its_slices() -> None:
    clock = Clock()
    budget = Budget(2.0, clock)
    half, capped = budget.slice(0.5), budget.slice(0.5, at_most_s=0.25)
    assert (budget.left_s, half.left_s, capped.left_s) == (2.0, 1.0, 0.25)
    clock.now += 0.75
    assert (budget.left_s, half.left_s, capped.left_s) == (1.25, 0.25, 0.0)
    assert capped.spent
    assert not budget.spent


def test_a_spent_budget_has_zero_left_and_gives_spent_slices() -> None:
    clock = Clock()
    budget = Budget(1.0, clock)
    clock.now += 5
    assert budget.left_s == 0.0
    assert budget.slice(1.0).spent


def test_a_reserve_ends_the_work_earlier_than_the_budget() -> None:
    budget = Budget(1.0, Clock())
    assert budget.reserve(0.25).left_s == 0.75
    assert budget.reserve(9.0).spent
