"""The contract of every TrialObserver: drawn requests count once under their outcome, lost comparisons add up."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from gateway.domain.comparison import Agreement, Comparison, Outcome, Shift
from gateway.domain.order import Orderer
from gateway.ports import TrialObserver
from gateway.telemetry.metrics import Metrics
from tests.fakes.observers import CountedTrial

CHAMPION, CHALLENGER = Orderer("m", "1"), Orderer("m", "2")
AGREEMENT = Agreement(100, 0.9, 0.8, Shift(0.1, 0.3), Shift(-0.5, 2.0))


@dataclass(frozen=True)
class Observed:
    """An observer, and what it counted: shadowed and canary requests by outcome, comparisons, and lost ones."""

    observer: TrialObserver
    shadow: Callable[[str], float]
    canary: Callable[[str], float]
    compared: Callable[[], float]
    lost: Callable[[], float]


def _remembered() -> Observed:
    seen = CountedTrial()
    return Observed(
        seen,
        lambda outcome: seen.shadow[Outcome(outcome)],
        lambda outcome: seen.canary[outcome],
        lambda: len(seen.compared),
        lambda: seen.lost,
    )


def _metrics() -> Observed:
    registry = CollectorRegistry()

    def value(name: str, **labels: str) -> float:
        return registry.get_sample_value(f"crossrank_{name}", labels) or 0.0

    return Observed(
        Metrics(registry),
        lambda outcome: value("shadow_requests_total", outcome=outcome),
        lambda outcome: value("canary_requests_total", outcome=outcome),
        lambda: value("shadow_kendall_tau_bucket", le="+Inf"),
        lambda: value("shadow_comparisons_lost_total"),
    )


@pytest.fixture(params=[_remembered, _metrics], ids=["remembered", "metrics"])
def observed(request: pytest.FixtureRequest) -> Observed:
    made: Observed = request.param()
    return made


@pytest.mark.parametrize("outcome", Outcome)
def test_a_shadowed_request_counts_once_under_its_outcome(observed: Observed, outcome: Outcome) -> None:
    observed.observer.shadow_ended(outcome)
    assert {one: observed.shadow(one.value) for one in Outcome} == {one: float(one is outcome) for one in Outcome}


@pytest.mark.parametrize("outcome", ["answered", "unready", "failed"])
def test_a_canary_request_counts_once_under_its_outcome(observed: Observed, outcome: str) -> None:
    observed.observer.canary_ended(outcome)
    counts = {one: observed.canary(one) for one in ("answered", "unready", "failed")}
    assert counts == {one: float(one == outcome) for one in counts}


@pytest.mark.parametrize("champion_s", [None, 0.01], ids=["from a cache", "timed"])
def test_a_comparison_counts_whether_or_not_the_champion_was_timed(
    observed: Observed, champion_s: float | None
) -> None:
    observed.observer.shadow_compared(Comparison(CHAMPION, CHALLENGER, AGREEMENT, champion_s, 0.02))
    assert (observed.compared(), observed.lost()) == (1, 0)


def test_lost_comparisons_add_up(observed: Observed) -> None:
    for number in (2, 3):
        observed.observer.comparisons_lost(number)
    assert (observed.lost(), observed.compared()) == (5, 0)
