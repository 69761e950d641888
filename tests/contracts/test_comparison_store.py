"""The contract of every ComparisonStore: what several gateways record adds up, and a refused record adds nothing."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from gateway.domain.budget import Budget
from gateway.domain.comparison import Agreement, Comparison, Loss, Outcome, Shift
from gateway.domain.errors import StoreUnavailable
from gateway.domain.order import Orderer
from gateway.ports import ComparisonStore
from gateway.store.comparisons import PostgresComparisonStore
from tests.fakes.comparisons import MemoryComparisons

CHAMPION, CHALLENGER = Orderer("cross_encoder", "1"), Orderer("cross_encoder", "2")
COMPARISON = Comparison(CHAMPION, CHALLENGER, Agreement(100, 0.9, 0.8, Shift(0.1, 0.3), Shift(-0.5, 2.0)), None, 0.02)
BUSY, LATE = Loss(CHAMPION, CHALLENGER, Outcome.BUSY), Loss(CHAMPION, CHALLENGER, Outcome.DEADLINE)
Counts = tuple[int, int, int]


@dataclass(frozen=True)
class Recording:
    """A store, and what it counts by now: requests compared, dropped since the shadow was busy, and failed."""

    store: ComparisonStore
    counts: Callable[[], Awaitable[Counts]]


def _in_memory(request: pytest.FixtureRequest) -> Recording:
    store = MemoryComparisons()

    async def counts() -> Counts:
        busy = store.losses[BUSY]
        return len(store.comparisons), busy, store.losses.total() - busy

    return Recording(store, counts)


def _in_postgres(request: pytest.FixtureRequest) -> Recording:
    store = PostgresComparisonStore(request.getfixturevalue("database"))

    async def counts() -> Counts:
        days = await store.report(7, Budget(10))
        return sum(day.compared for day in days), sum(day.dropped for day in days), sum(day.failed for day in days)

    return Recording(store, counts)


@pytest.fixture(
    params=[
        pytest.param(_in_memory, id="memory"),
        pytest.param(_in_postgres, id="postgres", marks=pytest.mark.whole),
    ]
)
def recording(request: pytest.FixtureRequest) -> Recording:
    made: Recording = request.param(request)
    return made


async def test_comparisons_and_losses_of_several_records_add_up(recording: Recording) -> None:
    for _ in range(2):
        await recording.store.record([COMPARISON, COMPARISON], {BUSY: 5, LATE: 2}, Budget(10))
    assert await recording.counts() == (4, 10, 4)


async def test_losses_are_recorded_without_any_comparison(recording: Recording) -> None:
    await recording.store.record([], {LATE: 3}, Budget(10))
    assert await recording.counts() == (0, 0, 3)


async def test_nothing_to_record_adds_nothing(recording: Recording) -> None:
    await recording.store.record([], {}, Budget(10))
    assert await recording.counts() == (0, 0, 0)


async def test_without_time_nothing_is_recorded(recording: Recording) -> None:
    with pytest.raises(StoreUnavailable):
        await recording.store.record([COMPARISON], {BUSY: 1}, Budget(0))
    assert await recording.counts() == (0, 0, 0)
