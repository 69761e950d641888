"""Admission by tokens: bounds follow what the model can do in time, and what was held is always given back."""

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.budget import Budget
from gateway.domain.errors import Overloaded
from gateway.domain.values import Priority
from gateway.scoring.admission import LEAST_TOKENS, Admission, AdmissionLimits

LIMITS = {Priority.INTERACTIVE: 100, Priority.BATCH: 40}


def admission() -> Admission:
    return Admission(AdmissionLimits(max_tokens=100, batch_share=0.4, retry_after_s=0.25))


TIME = Budget(5.0, clock=lambda: 0.0)


@pytest.mark.parametrize(("priority", "limit"), LIMITS.items())
def test_the_last_token_of_the_limit_is_admitted_and_one_more_is_not(priority: Priority, limit: int) -> None:
    one = admission()
    with one.admit(1, priority, TIME):
        with one.admit(limit - 1, priority, TIME):
            assert one.in_flight == limit
        with pytest.raises(Overloaded), one.admit(limit, priority, TIME):
            pass
        assert one.in_flight == 1


@pytest.mark.parametrize(("priority", "limit"), LIMITS.items())
def test_a_refusal_names_what_is_in_flight_what_was_asked_the_limit_and_when_to_retry(
    priority: Priority, limit: int
) -> None:
    one = admission()
    with one.admit(90, Priority.INTERACTIVE, TIME), pytest.raises(Overloaded) as caught, one.admit(11, priority, TIME):
        pass
    assert caught.value.retry_after_s == 0.25
    assert caught.value.message == (
        f"90 tokens are in flight and 11 more were asked for; at most {limit} for {priority.name.lower()} requests: "
        "retry after 0.25 s"
    )


def test_tokens_of_work_that_failed_are_given_back() -> None:
    one = admission()
    with pytest.raises(ZeroDivisionError), one.admit(60, Priority.INTERACTIVE, TIME):
        raise ZeroDivisionError
    assert one.in_flight == 0


@given(st.lists(st.tuples(st.integers(1, 60), st.sampled_from(Priority)), max_size=20))
def test_no_mix_of_requests_exceeds_the_limits_and_all_of_it_ends(asked: list[tuple[int, Priority]]) -> None:
    one, held = admission(), 0
    with ExitStack() as running:
        for tokens, priority in asked:
            fits = held == 0 or held + tokens <= LIMITS[priority]
            try:
                running.enter_context(one.admit(tokens, priority, TIME))
            except Overloaded:
                assert not fits
            else:
                assert fits
                held += tokens
            assert one.in_flight == held
    assert one.in_flight == 0


def test_batch_requests_may_fill_only_their_share() -> None:
    one = Admission(AdmissionLimits(100, 0.5, 0.2))
    with one.admit(60, Priority.INTERACTIVE, TIME):
        with pytest.raises(Overloaded), one.admit(1, Priority.BATCH, TIME):
            pass
        with one.admit(40, Priority.INTERACTIVE, TIME):
            assert one.in_flight == 100


def test_an_idle_gateway_admits_a_request_larger_than_the_limit() -> None:
    one = Admission(AdmissionLimits(100, 0.5, 0.2))
    with one.admit(500, Priority.BATCH, TIME):
        assert one.in_flight == 500
    assert one.in_flight == 0


class Model:
    """Work on a model that does ``tokens_per_s``, on a clock that moves as it is told. The limit is half a second."""

    def __init__(self, tokens_per_s: int, batch_share: float = 0.5) -> None:
        self.now = 0.0
        self.tokens_per_s = tokens_per_s
        limits = AdmissionLimits(200_000, batch_share, retry_after_s=0.25, drained_in_s=0.5)
        self.admission = Admission(limits, clock=lambda: self.now)

    def budget(self, seconds: float = 1.0) -> Budget:
        return Budget(seconds, clock=lambda: self.now)

    def work(self, seconds: float, tokens: int = 4000) -> None:
        """Lists of so many tokens one behind the other, in ten parts each."""
        end = self.now + seconds
        while self.now < end:
            with self.admission.admit(tokens, Priority.INTERACTIVE, self.budget()) as held:
                for _ in range(10):
                    self.now += tokens / 10 / self.tokens_per_s
                    held.scored(tokens // 10)


def test_no_more_is_admitted_than_the_model_does_in_time() -> None:
    """The defect this guards against: a limit of 200,000 tokens was seconds of work, so that everybody was late."""
    one = Model(tokens_per_s=30_000)
    one.work(3.0)
    with ExitStack() as running:
        for _ in range(3):
            running.enter_context(one.admission.admit(4000, Priority.INTERACTIVE, one.budget()))
        with pytest.raises(Overloaded, match=r"12000 tokens are in flight and 4000 more were asked for; at most 1[45]"):
            running.enter_context(one.admission.admit(4000, Priority.INTERACTIVE, one.budget()))


def test_tokens_that_are_scored_make_room_before_their_list_ends() -> None:
    one = Model(tokens_per_s=30_000)
    one.work(3.0)
    admit, limit = one.admission.admit, one.admission.limit()
    with admit(limit, Priority.INTERACTIVE, one.budget()) as held:
        held.scored(4000)
        assert one.admission.in_flight == limit - 4000
        with admit(3900, Priority.INTERACTIVE, one.budget()):
            pass
    assert one.admission.in_flight == 0


def test_before_the_speed_is_known_only_the_ceiling_counts() -> None:
    one = Model(tokens_per_s=30_000)
    with one.admission.admit(199_000, Priority.INTERACTIVE, one.budget()):
        with pytest.raises(Overloaded), one.admission.admit(1001, Priority.INTERACTIVE, one.budget()):
            pass
        with one.admission.admit(1000, Priority.INTERACTIVE, one.budget()):
            pass


def test_a_fast_model_gets_no_more_than_the_ceiling() -> None:
    one = Model(tokens_per_s=10**6)
    one.work(3.0)
    assert one.admission.limit() == 200_000
    assert one.admission.limit(Priority.BATCH) == 100_000


def test_a_list_is_admitted_however_slow_the_model_is_and_a_model_that_recovers_gets_more_again() -> None:
    one = Model(tokens_per_s=100)
    one.work(200.0)
    assert one.admission.limit() == LEAST_TOKENS
    one.tokens_per_s = 30_000
    one.work(10.0, tokens=LEAST_TOKENS // 3)
    assert one.admission.limit() > 10 * LEAST_TOKENS


def test_a_call_that_would_wait_for_longer_than_it_has_is_refused_and_told_so() -> None:
    one = Model(tokens_per_s=30_000)
    one.work(3.0)
    with one.admission.admit(12_000, Priority.INTERACTIVE, one.budget()):
        short, told = one.budget(0.3), r"take the model 0\.4\d s and the call has 0\.30 s"
        with (
            pytest.raises(Overloaded, match=told) as caught,
            one.admission.admit(100, Priority.INTERACTIVE, short),
        ):
            pass
        assert caught.value.retry_after_s == 0.25
        with one.admission.admit(100, Priority.INTERACTIVE, one.budget(0.5)):
            pass


def test_an_idle_gateway_admits_a_call_with_little_time_for_it_may_get_a_part() -> None:
    one = Model(tokens_per_s=30_000)
    one.work(3.0)
    with one.admission.admit(4000, Priority.INTERACTIVE, one.budget(0.01)):
        assert one.admission.in_flight == 4000


def test_what_needs_no_tokens_is_never_refused() -> None:
    one = admission()
    with one.admit(500, Priority.INTERACTIVE, TIME), one.admit(0, Priority.BATCH, Budget(0)):
        assert one.in_flight == 500
