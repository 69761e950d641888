"""What is known of signals is not asked for again, and is forgotten as soon as they were made anew."""

import asyncio
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from gateway.cache.signals import CachedSignals
from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.ranker.signals import ItemSignals
from tests.fakes.signals import MemorySignals, cold, liked

SOON_S = 5.0


@pytest.fixture
def memory() -> MemorySignals:
    random = np.random.default_rng(1)
    return MemorySignals({item_id: liked(random) for item_id in "abc"} | {"d": cold(random)})


async def test_only_what_is_not_known_is_asked_for(memory: MemorySignals) -> None:
    signals = CachedSignals(memory, 10)
    for asked in ("ab", "abc", "cba", "a"):
        await signals.of_history(list(asked), Budget(SOON_S))
    assert memory.asked_of_history == [("a", "b"), ("c",)]
    assert memory.asked_of_candidates == []


async def test_histories_and_candidates_are_known_apart(memory: MemorySignals) -> None:
    signals = CachedSignals(memory, 10)
    await signals.of_candidates(["a"], Budget(SOON_S))
    await signals.of_history(["a"], Budget(SOON_S))
    await signals.of_candidates(["a"], Budget(SOON_S))
    assert (memory.asked_of_candidates, memory.asked_of_history) == ([("a",)], [("a",)])


async def test_no_more_items_are_kept_than_may_be_the_ones_asked_for_lately(memory: MemorySignals) -> None:
    signals = CachedSignals(memory, 2)
    for asked in ("a", "b", "a", "c", "a", "b"):
        await signals.of_history([asked], Budget(SOON_S))
    assert memory.asked_of_history == [("a",), ("b",), ("c",), ("b",)]


async def test_more_items_than_may_be_kept_are_all_answered(memory: MemorySignals) -> None:
    assert set(await CachedSignals(memory, 2).of_history(list("abcd"), Budget(SOON_S))) == set("abcd")


async def test_a_new_version_forgets_everything_and_the_same_one_nothing(memory: MemorySignals) -> None:
    signals = CachedSignals(memory, 10)
    memory.made = 3
    assert await signals.version(Budget(SOON_S)) == 3
    await signals.of_history(["a"], Budget(SOON_S))
    assert await signals.version(Budget(SOON_S)) == 3
    await signals.of_history(["a"], Budget(SOON_S))
    assert memory.asked_of_history == [("a",)]
    memory.made, memory.signals["a"] = 4, cold(np.random.default_rng(2))
    await signals.version(Budget(SOON_S))
    assert (await signals.of_history(["a"], Budget(SOON_S)))["a"] is memory.signals["a"]


class Halted(MemorySignals):
    """Answers what it knew when it was asked, as soon as ``gate`` is open."""

    gate = asyncio.Event()

    async def of_history(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        found = await super().of_history(item_ids, budget)
        await self.gate.wait()
        return found


async def test_what_was_asked_for_before_a_new_version_is_not_kept_after_it(memory: MemorySignals) -> None:
    halted = Halted(memory.signals)
    signals = CachedSignals(halted, 10)
    early = asyncio.create_task(signals.of_history(["a"], Budget(SOON_S)))
    await asyncio.sleep(0)
    old = memory.signals["a"]
    halted.made, halted.signals["a"] = 1, cold(np.random.default_rng(2))
    await signals.version(Budget(SOON_S))
    halted.gate.set()
    assert (await early)["a"] is old, "that request began before"
    assert (await signals.of_history(["a"], Budget(SOON_S)))["a"] is halted.signals["a"]


async def test_what_is_known_is_answered_while_the_store_is_away(memory: MemorySignals) -> None:
    signals = CachedSignals(memory, 10)
    await signals.of_history(["a", "b"], Budget(SOON_S))
    memory.away = True
    assert set(await signals.of_history(["b", "a"], Budget(SOON_S))) == {"a", "b"}
    with pytest.raises(StoreUnavailable):
        await signals.of_history(["a", "c"], Budget(SOON_S))
