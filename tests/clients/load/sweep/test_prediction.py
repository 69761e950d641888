"""Prediction against measurement: right where the measurement is the model's own, and not called right elsewhere."""

from dataclasses import replace

import pytest

from clients.load.capacity.replica import Replica
from clients.load.sweep.prediction import Pair, compare, replica_of
from clients.load.sweep.report import GATEWAY, Level
from tests.clients.load.sweeps import PAIRS, TRUTH, invented_sweep

SHAPE = Replica(pair_s=1.0, workers=2, chunk_pairs=PAIRS)


def test_levels_that_the_model_has_never_seen_are_predicted() -> None:
    (target,) = invented_sweep().targets
    compared = compare(target, SHAPE)
    assert [one.offered_per_s for one in compared] == [level.offered_per_s for level in target.levels[:4]]
    for one in compared:
        assert one.good, one


def test_the_model_is_set_to_the_closed_loops_only() -> None:
    (target,) = invented_sweep().targets
    replica = replica_of(target, SHAPE)
    assert replica.pairs_per_s() == pytest.approx(TRUTH.pairs_per_s())
    assert replica_of(replace(target, levels=[]), SHAPE) == replica


def test_a_request_to_triton_is_not_cut_and_a_list_at_the_gateway_is() -> None:
    (target,) = invented_sweep().targets
    small = replace(SHAPE, chunk_pairs=PAIRS // 2)
    assert replica_of(target, small).chunk_pairs == PAIRS
    assert replica_of(replace(target, target=GATEWAY), small).chunk_pairs == PAIRS // 2


def test_a_level_that_is_slower_than_predicted_is_not_called_good() -> None:
    (target,) = invented_sweep().targets
    first = target.levels[0]
    assert first.measured is not None
    slower = replace(first.measured, p99_ms=first.measured.p99_ms * 1.5)
    (one,) = compare(replace(target, levels=[replace(first, measured=slower)]), SHAPE)
    assert one.p50_ms.good
    assert not one.p99_ms.good
    assert not one.good
    assert one.document()["within"] is False


def test_an_overloaded_level_is_predicted_over_the_time_that_it_was_measured() -> None:
    """Its latencies grow with time: without the end of the measurement there would be no number to predict."""
    (target,) = invented_sweep().targets
    full_per_s = target.full.requests_per_s
    assert target.levels[0].measured is not None
    sent_s = [place / (1.5 * full_per_s) for place in range(int(5 * 1.5 * full_per_s))]
    overloaded = Level(1.5 * full_per_s, 5.0, target.levels[0].measured, sent_s=sent_s)
    (one,) = compare(replace(target, levels=[overloaded]), SHAPE)
    assert one.requests_per_s.predicted == pytest.approx(full_per_s, rel=0.1)
    assert 300 < one.p99_ms.predicted < 5000


def test_refused_levels_have_nothing_to_compare() -> None:
    (target,) = invented_sweep().targets
    assert compare(replace(target, levels=target.levels[4:]), SHAPE) == []


@pytest.mark.parametrize(
    ("predicted", "measured", "good"), [(100.0, 100.0, True), (114.0, 100.0, True), (84.0, 100.0, False), (1, 0, False)]
)
def test_fifteen_percent_of_the_measurement_are_allowed(predicted: float, measured: float, good: bool) -> None:
    assert Pair(predicted, measured).good is good
