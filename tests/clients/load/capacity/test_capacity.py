"""Replicas and prices: by hand where that is possible, and never less for more."""

from dataclasses import replace
from typing import Any

import pytest

from clients.load.capacity.capacity import Demand, Machine, NotReachable, plan, rates
from clients.load.capacity.replica import Replica

REPLICA = Replica(pair_s=0.004, workers=2, execution_s=0.002, network_s=0.001, variation=0.2)
MACHINE = Machine(cores=2, core_hour=0.05)
DEMAND = Demand(lists_per_s=20.0, candidates=100, cache_hit_share=0.0, p99_ms=800.0)
LISTS = 4000


def needed(**changes: Any) -> int:
    return plan(REPLICA, MACHINE, replace(DEMAND, **changes), LISTS).replicas


def test_rates_and_prices_are_arithmetic() -> None:
    found = rates(Replica(pair_s=0.004, workers=2), Machine(cores=2, core_hour=0.05))
    assert found.pairs_per_s == pytest.approx(500.0)
    assert found.pairs_per_s_per_core == pytest.approx(250.0)
    assert found.pairs_per_s_per_gpu is None
    # Two cores cost 0.10 an hour, in which they score 1.8 million pairs.
    assert found.price_per_million_pairs == pytest.approx(0.10 / 1.8)


def test_a_gpu_has_a_price_of_its_own() -> None:
    found = rates(Replica(pair_s=1e-5), Machine(cores=8, gpus=2, core_hour=0.0, gpu_hour=3.0))
    assert found.pairs_per_s_per_gpu == pytest.approx(50_000.0)
    assert found.price_per_million_pairs == pytest.approx(6.0 / (100_000 * 3600) * 1e6)


def test_without_a_price_none_is_invented() -> None:
    assert rates(REPLICA, Machine(cores=2)).price_per_million_pairs is None
    assert plan(REPLICA, Machine(cores=2), DEMAND, LISTS).price_per_hour is None


def test_a_plan_meets_its_target_and_one_replica_less_does_not() -> None:
    found = plan(REPLICA, MACHINE, DEMAND, LISTS)
    assert found.p50_ms <= found.p99_ms <= DEMAND.p99_ms
    # 2,000 pairs a second are more than four replicas of 492.
    assert found.replicas >= 5
    assert found.lists_per_s_per_replica * found.replicas == pytest.approx(DEMAND.lists_per_s)
    assert found.busy_share < 1
    assert found.price_per_hour == pytest.approx(found.replicas * 0.10)
    fewer = DEMAND.lists_per_s * (found.replicas - 1) / found.replicas
    assert needed(lists_per_s=fewer) <= found.replicas


def test_more_demand_never_needs_fewer_replicas() -> None:
    growing: dict[str, list[float]] = {
        "lists_per_s": [1.0, 5.0, 20.0, 80.0],
        "candidates": [10, 50, 100, 150],
        "cache_hit_share": [0.9, 0.5, 0.2, 0.0],
        "p99_ms": [3000.0, 1000.0, 700.0, 600.0],
    }
    for name, values in growing.items():
        replicas = [needed(**{name: value}) for value in values]
        assert replicas == sorted(replicas), name


def test_a_full_cache_needs_one_replica() -> None:
    assert needed(cache_hit_share=1.0, lists_per_s=500.0) == 1


def test_the_gateways_own_time_is_a_limit_too() -> None:
    busy = replace(REPLICA, gateway_s=0.1)
    assert plan(busy, MACHINE, replace(DEMAND, cache_hit_share=1.0), LISTS).replicas > 2


def test_a_target_below_the_time_of_a_list_alone_is_refused_with_that_time() -> None:
    with pytest.raises(NotReachable, match=r"100 candidates alone has a p99 of [\d.]+ ms; the target is 50 ms") as why:
        needed(p99_ms=50.0)
    assert "fewer candidates" in why.value.remedy
