"""Times to a timing model and back: what was measured is what the model gives, and it varies as much."""

from dataclasses import replace

import pytest

from clients.load.capacity.calibration import Alone, calibrated
from clients.load.capacity.replica import Replica
from clients.load.capacity.simulation import Load, simulate

SHAPE = Replica(pair_s=1.0, workers=2)
TRUTH = Replica(pair_s=0.004, workers=2, execution_s=0.006, network_s=0.002, variation=0.2, batch_delay_s=0.0)


def alone(pairs: int, lists: int = 4000) -> Alone:
    """Measures TRUTH's answer to one list at a time."""
    outcome = simulate(TRUTH, Load(1e-4, pairs), lists, seed=5)
    model_ms = float(outcome.latencies_s.mean()) * 1000 - 2.0
    return Alone(pairs, outcome.percentile_ms(50), outcome.percentile_ms(99), model_ms)


def test_throughput_alone_gives_the_cost_of_a_pair() -> None:
    replica = calibrated(SHAPE, pairs_per_s=500.0)
    assert replica.pairs_per_s() == pytest.approx(500.0)
    assert replica.pair_s == pytest.approx(2 / 500.0)
    assert (replica.execution_s, replica.variation) == (0.0, 0.0)


@pytest.mark.parametrize("pairs", [8, 20, 100])
def test_the_model_is_found_again_from_its_measurements(pairs: int) -> None:
    replica = calibrated(SHAPE, TRUTH.pairs_per_s(), alone(pairs))
    assert replica.pairs_per_s() == pytest.approx(TRUTH.pairs_per_s())
    assert replica.pair_s == pytest.approx(TRUTH.pair_s, rel=0.05)
    assert replica.execution_s == pytest.approx(TRUTH.execution_s, rel=0.25)
    assert replica.variation == pytest.approx(TRUTH.variation, abs=0.03)
    assert replica.network_s == pytest.approx(TRUTH.network_s, abs=0.002)


def test_the_latency_of_a_list_that_instances_share_is_found_again() -> None:
    shape = replace(SHAPE, instances=2, workers=1)
    truth = replace(TRUTH, instances=2, workers=1)
    (found,) = simulate(replace(truth, variation=0.0), Load(1e-4, 20), 1, seed=5).latencies_s * 1000
    replica = calibrated(shape, truth.pairs_per_s(), Alone(20, found, found, found - 2.0))
    assert replica.pair_s == pytest.approx(truth.pair_s, rel=0.01)
    assert replica.execution_s == pytest.approx(truth.execution_s, rel=0.05)
    (again,) = simulate(replica, Load(1e-4, 20), 1, seed=5).latencies_s * 1000
    assert again == pytest.approx(found, rel=0.01)


def test_times_that_contradict_each_other_keep_the_throughput() -> None:
    """A list alone that is faster than full batches allow, as where more runs beside full batches."""
    replica = calibrated(SHAPE, 100.0, Alone(8, p50_ms=5.0, p99_ms=6.0, model_ms=4.0))
    assert replica.pairs_per_s() == pytest.approx(100.0)
    assert replica.execution_s == 0.0
    assert replica.pair_s > 0


def test_a_list_of_full_batches_tells_nothing_of_the_cost_of_an_execution() -> None:
    replica = calibrated(SHAPE, 400.0, Alone(64, p50_ms=160.0, p99_ms=160.0, model_ms=160.0))
    assert replica.pairs_per_s() == pytest.approx(400.0)
    assert replica.variation == pytest.approx(0.0, abs=1e-3)
