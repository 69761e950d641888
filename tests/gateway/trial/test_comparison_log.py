"""Comparisons reach the store in batches; while it is away the newest are kept, and every loss is counted."""

import asyncio

import pytest

from gateway.domain.comparison import Agreement, Comparison, Loss, Outcome, Shift
from gateway.domain.errors import StoreUnavailable
from gateway.domain.order import Orderer
from gateway.trial import comparison_log
from gateway.trial.comparison_log import ComparisonLog
from tests.fakes.comparisons import MemoryComparisons
from tests.fakes.observers import CountedTrial

CHAMPION, CHALLENGER = Orderer("m", "1"), Orderer("m", "2")
BUSY = Loss(CHAMPION, CHALLENGER, Outcome.BUSY)


def comparison(tau: float) -> Comparison:
    return Comparison(CHAMPION, CHALLENGER, Agreement(10, tau, 1.0, Shift(0, 0), Shift(0, 0)), 0.01, 0.02)


async def test_what_comes_together_is_written_at_once() -> None:
    store, counted = MemoryComparisons(), CountedTrial()
    log = ComparisonLog(store, counted)
    for number in range(50):
        log.compared(comparison(number / 50))
        log.lost(BUSY)
    await log.close()
    assert store.writes == 1
    assert len(store.comparisons) == 50
    assert store.losses == {BUSY: 50}
    assert counted.shadow == {Outcome.COMPARED: 50, Outcome.BUSY: 50}
    assert len(counted.compared) == 50


async def test_nothing_is_written_where_nothing_happened() -> None:
    store = MemoryComparisons()
    await ComparisonLog(store, CountedTrial()).close()
    assert store.writes == 0


async def test_what_the_store_refused_is_written_when_it_is_back_in_order_and_once() -> None:
    store = MemoryComparisons()
    store.fault = StoreUnavailable("away")
    log = ComparisonLog(store, CountedTrial(), interval_s=0.001)
    log.compared(comparison(0.1))
    log.lost(BUSY)
    async with asyncio.timeout(10):
        while store.writes < 3:
            await asyncio.sleep(0)
    log.compared(comparison(0.2))
    store.fault = None
    await log.close()
    assert [one.agreement.kendall_tau for one in store.comparisons] == [0.1, 0.2]
    assert store.losses == {BUSY: 1}


async def test_a_store_that_stays_away_costs_the_oldest_first_and_each_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparison_log, "MOST_WAITING", 3)
    store, counted = MemoryComparisons(), CountedTrial()
    store.fault = StoreUnavailable("away")
    log = ComparisonLog(store, counted, interval_s=60)
    for number in range(5):
        log.compared(comparison(number / 10))
    assert counted.lost == 2
    await log.close()
    assert counted.lost == 5, "what waited when the gateway stopped is lost too"
