"""The simulated replica against queues with a known answer, and against counting by hand."""

from dataclasses import replace

import numpy as np
import pytest

from clients.load.capacity.replica import Replica
from clients.load.capacity.simulation import Load, simulate
from tests.clients.load.capacity.closed_forms import mg1_mean_wait_s, mm1_percentile_s, mmc_mean_wait_s

SEED = 7
LISTS = 200_000
ALONE = Replica(pair_s=0.01, batch_pairs=1, chunk_pairs=1, micro_batch_pairs=1, batch_delay_s=0.0)
"""A list of one pair fills a batch: a single server without batching, 10 ms a list."""


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
def test_exponential_times_give_m_m_1(load: float) -> None:
    outcome = simulate(replace(ALONE, variation=1.0), Load(load / 0.01, 1), LISTS, SEED).after(0.05)
    for percent in (50, 95, 99):
        expected_ms = mm1_percentile_s(load / 0.01, 0.01, percent / 100) * 1000
        assert outcome.percentile_ms(percent) == pytest.approx(expected_ms, rel=0.05), f"seed {SEED}"
    assert outcome.busy_share == pytest.approx(load, rel=0.02)


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("variation", [0.0, 0.5, 1.5])
def test_mean_waits_are_those_of_pollaczek_and_khinchine(load: float, variation: float) -> None:
    outcome = simulate(replace(ALONE, variation=variation), Load(load / 0.01, 1), LISTS, SEED).after(0.05)
    waited_s = float(outcome.latencies_s.mean()) - 0.01
    assert waited_s == pytest.approx(mg1_mean_wait_s(load / 0.01, 0.01, variation), rel=0.06), f"seed {SEED}"


@pytest.mark.parametrize("load", [0.3, 0.6, 0.8])
@pytest.mark.parametrize("instances", [2, 3])
def test_several_instances_wait_as_erlang_says(load: float, instances: int) -> None:
    rate = load * instances / 0.01
    outcome = simulate(replace(ALONE, instances=instances, variation=1.0), Load(rate, 1), LISTS, SEED).after(0.05)
    waited_s = float(outcome.latencies_s.mean()) - 0.01
    assert waited_s == pytest.approx(mmc_mean_wait_s(rate, 0.01, instances), rel=0.06, abs=7e-5), f"seed {SEED}"
    assert outcome.busy_share == pytest.approx(load, rel=0.02)


def test_the_gateway_alone_is_m_d_1() -> None:
    replica = Replica(pair_s=0.0, gateway_s=0.01, batch_delay_s=0.0)
    outcome = simulate(replica, Load(70, 1), LISTS, SEED).after(0.05)
    assert float(outcome.latencies_s.mean()) - 0.01 == pytest.approx(mg1_mean_wait_s(70, 0.01, 0.0), rel=0.05)


def test_a_list_alone_takes_its_own_time_and_nothing_else() -> None:
    replica = Replica(pair_s=0.001, workers=2, execution_s=0.002, gateway_s=0.003, network_s=0.004, batch_delay_s=0.0)
    outcome = simulate(replica, Load(0.001, 40), 20, SEED)
    # 40 pairs are requests of 32 and 8, both waiting: one execution, half of its pairs on each worker.
    assert outcome.latencies_s == pytest.approx(np.full(20, 0.004 + 0.003 + 0.002 + 20 * 0.001))


def test_free_instances_share_a_list() -> None:
    replica = Replica(pair_s=0.001, instances=2, chunk_pairs=16, batch_delay_s=0.0)
    outcome = simulate(replica, Load(0.001, 100), 20, SEED)
    # Requests of six times 16 and one of 4: three of them, 48 pairs, are half of the list; the other instance has 52.
    assert outcome.latencies_s == pytest.approx(np.full(20, 0.052))


@pytest.mark.parametrize(
    ("waiting", "free", "taken"),
    [([16], 2, 1), ([16, 16], 2, 1), ([16, 16], 1, 2), ([32, 32, 32], 1, 2), ([10, 30], 2, 1), ([64, 1], 1, 1)],
)
def test_an_execution_takes_its_share_of_what_waits(waiting: list[int], free: int, taken: int) -> None:
    assert Replica(pair_s=1.0, instances=2).batch(waiting, free) == taken


def test_a_cache_that_knows_everything_leaves_the_gateways_time() -> None:
    replica = Replica(pair_s=1.0, gateway_s=0.001)
    outcome = simulate(replica, Load(1.0, 100, cache_hit_share=1.0), 50, SEED)
    assert outcome.percentile_ms(50) == pytest.approx(1.0)
    assert outcome.busy_share == 0


def test_waiting_lists_share_executions_so_that_batching_raises_what_a_replica_bears() -> None:
    costly = Replica(pair_s=0.0001, execution_s=0.02, chunk_pairs=8)
    # One list an execution would be 20.8 ms: 48 lists a second. A batch takes eight of them.
    outcome = simulate(costly, Load(150, 8), 20_000, SEED).after(0.1)
    assert outcome.percentile_ms(99) < 100
    alone = simulate(replace(costly, batch_pairs=8), Load(150, 8), 2_000, SEED)
    assert alone.latencies_s[-1] > 10 * outcome.percentile_ms(99) / 1000, "without batching the queue only grows"


def test_more_load_never_means_less_latency() -> None:
    replica = Replica(pair_s=0.002, workers=2, execution_s=0.001, variation=0.3)
    tails = [simulate(replica, Load(rate, 20), 20_000, SEED).percentile_ms(99) for rate in (5, 15, 25, 35, 45)]
    assert tails == sorted(tails)


def test_a_measurement_that_ends_sees_only_what_was_answered() -> None:
    overloaded = Replica(pair_s=0.01)
    outcome = simulate(overloaded, Load(100, 10), 200, SEED)
    seen = outcome.within(1.0)
    assert len(seen.latencies_s) < 30
    assert float((seen.arrivals_s + seen.latencies_s).max()) <= 1.0


def test_the_same_seed_gives_the_same_lists() -> None:
    replica, load = Replica(pair_s=0.001, variation=0.5), Load(10, 20, 0.5)
    again = simulate(replica, load, 100, SEED)
    assert np.array_equal(simulate(replica, load, 100, SEED).latencies_s, again.latencies_s)
    assert not np.array_equal(simulate(replica, load, 100, SEED + 1).latencies_s, again.latencies_s)


@pytest.mark.parametrize(
    ("rows", "workers", "busiest"),
    [(0, 2, 0), (1, 2, 1), (8, 2, 4), (9, 2, 5), (40, 2, 20), (55, 2, 28), (64, 2, 32), (20, 3, 7), (64, 1, 64)],
)
def test_micro_batches_spread_over_the_workers(rows: int, workers: int, busiest: int) -> None:
    assert Replica(pair_s=1.0, workers=workers).rounds[rows] == busiest


def test_a_list_becomes_full_requests_and_a_rest() -> None:
    replica = Replica(pair_s=1.0, chunk_pairs=32)
    assert [replica.chunks(pairs) for pairs in (0, 5, 32, 100)] == [[], [5], [32], [32, 32, 32, 4]]


def test_full_batches_give_the_throughput() -> None:
    assert Replica(pair_s=0.005, workers=2, execution_s=0.04).pairs_per_s() == pytest.approx(64 / (0.04 + 32 * 0.005))
    assert Replica(pair_s=0.005, instances=2).pairs_per_s() == pytest.approx(2 / 0.005)
