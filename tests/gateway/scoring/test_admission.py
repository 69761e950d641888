"""Admission by tokens: bounds hold to the token, and what was held is always given back."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import Overloaded
from gateway.domain.values import Priority
from gateway.scoring.admission import Admission

LIMITS = {Priority.INTERACTIVE: 100, Priority.BATCH: 40}


def admission() -> Admission:
    return Admission(max_tokens=100, batch_share=0.4, retry_after_s=0.25)


@pytest.mark.parametrize(("priority", "limit"), LIMITS.items())
def test_the_last_token_of_the_limit_is_admitted_and_one_more_is_not(priority: Priority, limit: int) -> None:
    one = admission()
    with one.admit(1, priority):
        with one.admit(limit - 1, priority):
            assert one.in_flight == limit
        with pytest.raises(Overloaded), one.admit(limit, priority):
            pass
        assert one.in_flight == 1


@pytest.mark.parametrize(("priority", "limit"), LIMITS.items())
def test_a_refusal_names_what_is_in_flight_what_was_asked_the_limit_and_when_to_retry(
    priority: Priority, limit: int
) -> None:
    one = admission()
    with one.admit(90, Priority.INTERACTIVE), pytest.raises(Overloaded) as caught, one.admit(11, priority):
        pass
    assert caught.value.retry_after_s == 0.25
    assert caught.value.message == (
        f"90 tokens are in flight and 11 more were asked for; at most {limit} for {priority.name.lower()} requests: "
        "retry after 0.25 s"
    )


@pytest.mark.parametrize(("priority", "limit"), LIMITS.items())
def test_the_early_check_passes_as_long_as_one_token_fits(priority: Priority, limit: int) -> None:
    one = admission()
    one.check(priority)
    with one.admit(limit - 1, Priority.INTERACTIVE):
        one.check(priority)
        with one.admit(1, Priority.INTERACTIVE), pytest.raises(Overloaded):
            one.check(priority)


def test_tokens_of_work_that_failed_are_given_back() -> None:
    one = admission()
    with pytest.raises(ZeroDivisionError), one.admit(60, Priority.INTERACTIVE):
        raise ZeroDivisionError
    assert one.in_flight == 0


@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from(Priority)), max_size=20))
def test_no_mix_of_requests_exceeds_the_limits_and_all_of_it_ends(asked: list[tuple[int, Priority]]) -> None:
    one, held = admission(), 0
    with ExitStack() as running:
        for tokens, priority in asked:
            fits = held == 0 or held + tokens <= LIMITS[priority]
            try:
                running.enter_context(one.admit(tokens, priority))
            except Overloaded:
                assert not fits
            else:
                assert fits
                held += tokens
            assert one.in_flight == held
    assert one.in_flight == 0
