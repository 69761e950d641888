"""Replicas from a sweep: read off measured levels, by hand; nothing beyond them is claimed."""

from dataclasses import replace
from typing import Any

import pytest

from clients.load.sweep.capacity import Demand, NotMeasured, Plan, highest_rate, left_out, plan, usable
from clients.load.sweep.report import Level
from tests.clients.load.sweeps import REFUSED, invented_target, level

DEMAND = Demand(requests_per_s=100.0, p99_ms=100.0)


def planned(core_hour: float = 0.05, **changes: Any) -> Plan:
    return plan(invented_target(), replace(DEMAND, **changes), 2, core_hour)


def rate_for(p99_ms: float, *levels: Level) -> float:
    return highest_rate(usable(invented_target(*levels)), p99_ms)


@pytest.mark.parametrize(
    ("p99_ms", "rate"), [(40, 10.0), (60, 15.0), (80, 20.0), (100, 25.0), (119.999, 30.0), (220, 35.0)]
)
def test_the_highest_rate_is_where_the_slowest_run_meets_the_p99(p99_ms: float, rate: float) -> None:
    assert rate_for(p99_ms) == pytest.approx(rate, abs=1e-3)


@pytest.mark.parametrize("p99_ms", [320, 321, 1e6])
def test_a_p99_that_every_level_keeps_gives_the_last_level_and_no_more(p99_ms: float) -> None:
    found = planned(p99_ms=p99_ms)
    assert (found.highest_per_s, found.at_last_level) == (40.0, True)


def test_a_p99_below_the_lowest_level_is_refused_with_the_measured_range_and_what_to_do() -> None:
    with pytest.raises(NotMeasured, match=r"a p99 of 39 ms .*: 40.0 ms at 10/s to 320.0 ms at 40/s") as refused:
        rate_for(39)
    assert "sweep lower --rates" in refused.value.remedy


def test_a_p99_that_falls_with_the_rate_counts_as_if_it_did_not() -> None:
    uneven = (level(10, (50,)), level(20, (90,)), level(30, (70,)), level(40, (130,)))
    assert rate_for(89, *uneven) < 20
    assert rate_for(90, *uneven) == 30
    assert rate_for(110, *uneven) == pytest.approx(35)


def test_a_higher_p99_never_gives_a_lower_rate() -> None:
    rates = [rate_for(p99_ms) for p99_ms in range(40, 400, 7)]
    assert rates == sorted(rates)


def test_levels_from_the_first_that_was_not_sustained_on_are_not_used() -> None:
    behind = level(30, (100, 100), answered=0.94)
    assert usable(invented_target(level(10, (40,)), behind, level(40, (60,)))) == [level(10, (40,))]
    assert rate_for(500, level(10, (40,)), behind, level(40, (60,))) == 10
    partly = replace(REFUSED, rate=20.0, runs=level(20, (50,)).runs)
    assert usable(invented_target(level(10, (40,)), partly)) == [level(10, (40,))]


def test_levels_are_taken_in_order_of_what_was_really_offered() -> None:
    assert [one.rate for one in usable(invented_target(level(20, (60,)), level(10, (40,))))] == [10, 20]


def test_a_sweep_without_a_sustained_rate_is_refused() -> None:
    with pytest.raises(NotMeasured, match=r"no rate of triton was sustained; the lowest was 100/s") as refused:
        usable(invented_target(REFUSED))
    assert "--rates" in refused.value.remedy


def test_replicas_share_the_load_and_one_less_would_not_bear_it() -> None:
    found = planned()  # 25 requests/s of each
    assert (found.replicas, found.load_per_s, found.at_last_level) == (4, 25.0, False)
    assert planned(requests_per_s=100.1).replicas == 5
    assert planned(requests_per_s=0.5).replicas == 1


def test_headroom_is_what_stays_free_of_the_highest_rate() -> None:
    assert planned().headroom == 0
    assert planned(requests_per_s=80.0).headroom == pytest.approx(0.2)


def test_the_spread_is_that_of_the_first_level_not_below_the_load() -> None:
    found = planned(requests_per_s=80.0)  # 20 requests/s of each
    assert (found.measured_per_s, found.p99_ms) == (20.0, (50.0, 60.0, 80.0))
    assert planned(requests_per_s=84.0).measured_per_s == 30
    assert planned(requests_per_s=5.0).measured_per_s == 10


def test_pairs_per_core_and_prices_are_arithmetic() -> None:
    found = planned()
    assert found.pairs_per_s_per_core == pytest.approx(25 * 8 / 2)
    assert found.price_per_hour == pytest.approx(4 * 2 * 0.05)
    # 100 requests/s of 8 pairs are 2.88 million pairs an hour.
    assert found.price_per_million_pairs == pytest.approx(0.4 / 2.88)


def test_without_a_price_none_is_invented() -> None:
    found = planned(core_hour=0.0)
    assert (found.price_per_hour, found.price_per_million_pairs) == (None, None)


def test_more_demand_never_needs_fewer_replicas() -> None:
    replicas = [planned(requests_per_s=float(rate)).replicas for rate in range(1, 300, 13)]
    assert replicas == sorted(replicas)


def test_each_inner_level_is_predicted_by_its_neighbours_alone() -> None:
    second, third = left_out(usable(invented_target()))
    assert (second.offered_per_s, second.interpolated_ms, second.measured_ms) == (20, 65, 60)
    assert (third.interpolated_ms, third.measured_ms, third.spread_ms) == (130, 100, (90, 120))
    assert [second.error, third.error] == pytest.approx([65 / 60 - 1, 0.3])


def test_a_level_has_no_say_in_its_own_prediction() -> None:
    changed = (level(10, (30,)), level(20, (1e9,)), level(30, (100,)))
    (only,) = left_out(usable(invented_target(*changed)))
    assert only.interpolated_ms == 65


def test_two_levels_leave_none_out() -> None:
    assert left_out(usable(invented_target(level(10, (30,)), level(20, (60,))))) == []
