"""The contract of every CacheObserver: hits, misses and faults add up for each tier by itself."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from prometheus_client import CollectorRegistry

from gateway.ports import CacheObserver
from gateway.telemetry.metrics import Metrics
from tests.fakes.observers import SeenCaches


@dataclass(frozen=True)
class Observed:
    """An observer, and what it counted: lookups by tier and "hit" or "miss", faults by tier, operation and cause."""

    observer: CacheObserver
    lookups: Callable[[str, str], float]
    faults: Callable[[str, str, str], float]


def _remembered() -> Observed:
    seen = SeenCaches()
    return Observed(seen, lambda *key: seen.lookups[key], lambda *key: seen.faults[key])


def _metrics() -> Observed:
    registry = CollectorRegistry()

    def lookups(tier: str, outcome: str) -> float:
        labels = {"tier": tier, "outcome": outcome}
        return registry.get_sample_value("crossrank_cache_lookups_total", labels) or 0.0

    def faults(tier: str, operation: str, cause: str) -> float:
        labels = {"tier": tier, "operation": operation, "cause": cause}
        return registry.get_sample_value("crossrank_cache_faults_total", labels) or 0.0

    return Observed(Metrics(registry), lookups, faults)


@pytest.fixture(params=[_remembered, _metrics], ids=["remembered", "metrics"])
def observed(request: pytest.FixtureRequest) -> Observed:
    made: Observed = request.param()
    return made


def test_lookups_of_a_tier_add_up_and_tiers_stay_apart(observed: Observed) -> None:
    observed.observer.cache_read("local", 3, 2)
    observed.observer.cache_read("local", 0, 4)
    observed.observer.cache_read("redis", 1, 0)
    counted = [observed.lookups(tier, outcome) for tier in ("local", "redis") for outcome in ("hit", "miss")]
    assert counted == [3, 6, 1, 0]


@pytest.mark.parametrize("operation", ["read", "write"])
@pytest.mark.parametrize("cause", ["timeout", "error", "resting"])
def test_every_fault_counts_once_under_its_operation_and_cause(observed: Observed, operation: str, cause: str) -> None:
    observed.observer.cache_failed("redis", operation, cause)
    assert observed.faults("redis", operation, cause) == 1
    assert observed.faults("local", operation, cause) == 0
    assert observed.lookups("redis", "miss") == 0
