"""Which ranker orders lists: the newest, the one that is named, or none of its trees; and the last one that was found
while the store is away."""

import asyncio

import pytest
from structlog.testing import capture_logs

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.ranker.fitted import FittedRanker
from gateway.ranking.current_ranker import AUTO, CurrentRanker, looking_up
from tests.fakes.rankers import MemoryRankers, steps, with_trees, without_trees
from tests.fakes.signals import MemorySignals

OLD, NEW = with_trees(steps("relation_sum:ease", 0.5), "follows"), without_trees("popular")
SOON_S = 5.0


@pytest.fixture
def rankers() -> MemoryRankers:
    return MemoryRankers()


def current_of(rankers: MemoryRankers, wanted: str = AUTO) -> CurrentRanker:
    return CurrentRanker(rankers, MemorySignals(), wanted)


async def keep(rankers: MemoryRankers, *fitted: FittedRanker) -> None:
    for one in fitted:
        await rankers.keep(one, Budget(SOON_S))


async def test_nothing_orders_lists_before_anything_was_fitted(rankers: MemoryRankers) -> None:
    ranker = current_of(rankers)
    assert ranker.current() is None
    await ranker.look_up()
    assert ranker.current() is None
    assert rankers.read == []


async def test_the_newest_orders_lists_and_is_read_once(rankers: MemoryRankers) -> None:
    ranker = current_of(rankers)
    await keep(rankers, OLD)
    for _ in range(3):
        await ranker.look_up()
    assert ranker.current() == OLD
    await keep(rankers, NEW)
    await ranker.look_up()
    assert ranker.current() == NEW
    await keep(rankers, OLD)
    await ranker.look_up()
    assert ranker.current() == OLD, "fitted again, it is the newest again"
    assert rankers.read == [OLD.version, NEW.version, OLD.version]


async def test_a_version_that_is_named_stays_though_there_are_newer_ones(rankers: MemoryRankers) -> None:
    await keep(rankers, OLD, NEW)
    ranker = current_of(rankers, OLD.version)
    await ranker.look_up()
    await keep(rankers, NEW)
    await ranker.look_up()
    assert ranker.current() == OLD


@pytest.mark.parametrize("wanted", ["nonsense", "first_stage"])
async def test_where_settings_name_what_is_not_there_lists_are_in_first_stage_order(
    rankers: MemoryRankers, wanted: str
) -> None:
    ranker = current_of(rankers, wanted)
    for _ in range(2):
        found = ranker.current()
        assert found is not None
        assert (found.trees, found.verdict.serves) == (None, "first_stage")
        assert f"CROSSRANK_RANKER is {wanted}" in found.verdict.reason
        assert "crossrank rankers lists them" in found.verdict.reason
        await ranker.look_up()


async def test_a_named_version_that_is_not_there_yet_is_found_as_soon_as_it_is(rankers: MemoryRankers) -> None:
    await keep(rankers, NEW)
    ranker = current_of(rankers, OLD.version)
    await ranker.look_up()
    waiting = ranker.current()
    assert waiting is not None
    assert (waiting.trees, waiting.verdict.serves) == (None, "first_stage")
    await keep(rankers, OLD)
    await ranker.look_up()
    assert ranker.current() == OLD


async def test_a_named_version_is_held_and_known_as_found_only_when_it_is_there(rankers: MemoryRankers) -> None:
    ranker, first_stage = current_of(rankers, OLD.version), current_of(rankers, "first_stage")
    await ranker.look_up()
    assert (ranker.found, first_stage.found) == (False, True)
    await keep(rankers, OLD, NEW)
    await ranker.look_up()
    assert ranker.found
    assert rankers.held == {OLD.version}


async def test_for_first_stage_order_only_what_was_measured_of_the_first_stage_counts(rankers: MemoryRankers) -> None:
    await keep(rankers, OLD)
    ranker = current_of(rankers, "first_stage")
    await ranker.look_up()
    found = ranker.current()
    assert found is not None
    assert (found.trees, found.verdict.serves, found.verdict.rows) == (None, "first_stage", OLD.verdict.rows)
    assert found.verdict.reason.startswith("CROSSRANK_RANKER is first_stage: first-stage order (")


async def test_a_ranker_that_cannot_be_read_is_told_once_and_the_one_before_stays(rankers: MemoryRankers) -> None:
    await keep(rankers, OLD)
    ranker = current_of(rankers)
    await ranker.look_up()
    rankers.texts["broken"] = "{}"
    with capture_logs() as logs:
        for _ in range(3):
            await ranker.look_up()
    assert [(one["event"], one["version"]) for one in logs] == [("ranker_unreadable", "broken")]
    assert "crossrank index" in logs[0]["detail"]
    assert ranker.current() == OLD
    await keep(rankers, NEW)
    await ranker.look_up()
    assert ranker.current() == NEW


async def test_the_last_one_found_stays_while_the_store_is_away(rankers: MemoryRankers) -> None:
    await keep(rankers, OLD)
    ranker = current_of(rankers)
    await ranker.look_up()
    rankers.away = True
    with pytest.raises(StoreUnavailable):
        await ranker.look_up()
    assert ranker.current() == OLD


async def until(ranker: CurrentRanker, wanted: FittedRanker) -> None:
    """Waits for what is found in the background."""
    async with asyncio.timeout(10):
        while ranker.current() != wanted:
            await asyncio.sleep(0.001)


async def test_it_is_looked_up_at_once_and_then_again_and_again_until_the_end(rankers: MemoryRankers) -> None:
    signals = MemorySignals()
    ranker = CurrentRanker(rankers, signals)
    await keep(rankers, OLD)
    before = asyncio.all_tasks()
    async with looking_up(ranker, 0.001):
        assert ranker.current() == OLD
        rankers.away = True
        enough = signals.asked_for_version + 2
        async with asyncio.timeout(10):
            while signals.asked_for_version < enough:
                await asyncio.sleep(0.001)
        rankers.away = False
        await keep(rankers, NEW)
        await until(ranker, NEW)
    assert asyncio.all_tasks() == before, "nobody looks any more"


async def test_a_store_that_is_away_at_the_start_keeps_nobody_from_starting(rankers: MemoryRankers) -> None:
    rankers.away = True
    ranker = current_of(rankers)
    async with looking_up(ranker, 0.001):
        assert ranker.current() is None
        rankers.away = False
        await keep(rankers, OLD)
        await until(ranker, OLD)


async def test_looking_up_asks_for_the_version_of_the_signals_too(rankers: MemoryRankers) -> None:
    signals = MemorySignals(away=True)
    await keep(rankers, OLD)
    ranker = CurrentRanker(rankers, signals)
    with pytest.raises(StoreUnavailable):
        await ranker.look_up()
    assert ranker.current() is None, "trees would read signals that are not there"
