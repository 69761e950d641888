"""What is known of items is not sent again, and what was written since is never missed."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gateway.cache.items import CachedItems
from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.ports import StoredItem
from tests.fakes.catalogues import film, indexed
from tests.fakes.stores import Memory, MemoryItemStore

SOON_S = 5.0
LARGE = 10**6


class Watched(MemoryItemStore):
    """Notes which items it sent."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(memory)
        self.sent: list[str] = []

    async def unless(self, digests: Mapping[str, bytes], budget: Budget) -> Mapping[str, StoredItem]:
        found = await super().unless(digests, budget)
        self.sent.append("".join(item_id for item_id, one in found.items() if one.item))
        return found


@pytest.fixture
def memory() -> Memory:
    return Memory({item_id: indexed(film(item_id)) for item_id in "abc"})


async def ask(items: CachedItems, item_ids: str) -> list[str]:
    return [item.fields["title"] for item in (await items.get(list(item_ids), Budget(SOON_S))).values()]


async def test_an_item_is_sent_once(memory: Memory) -> None:
    store = Watched(memory)
    items = CachedItems(store, LARGE)
    for asked in ("ab", "abc", "cba", "a"):
        assert await items.get(list(asked), Budget(SOON_S)) == {one: memory.items[one].item for one in asked}
    assert store.sent == ["ab", "c", "", ""]
    assert items.used_bytes > 0


async def test_what_another_process_wrote_is_what_the_next_request_reads(memory: Memory) -> None:
    items = CachedItems(MemoryItemStore(memory), LARGE)
    await ask(items, "a")
    memory.items["a"] = indexed(film("a", title="Another"))
    assert await ask(items, "a") == ["Another"]
    del memory.items["a"]
    assert await ask(items, "a") == []


async def test_popularity_is_that_of_now_though_the_item_is_known(memory: Memory) -> None:
    store = Watched(memory)
    items = CachedItems(store, LARGE)
    await ask(items, "a")
    one = memory.items["a"]
    memory.items["a"] = replace(one, item=replace(one.item, popularity=7))
    assert (await items.get(["a"], Budget(SOON_S)))["a"].popularity == 7
    assert store.sent == ["a", ""]


@pytest.mark.parametrize("max_bytes", [0, 1_000])
async def test_what_does_not_fit_is_not_kept_and_is_answered(memory: Memory, max_bytes: int) -> None:
    store = Watched(memory)
    items = CachedItems(store, max_bytes)
    assert len(await ask(items, "abc")) == len(await ask(items, "abc")) == 3
    assert store.sent == ["abc", "abc"]
    assert items.used_bytes == 0


async def test_items_asked_for_longest_ago_leave_first(memory: Memory) -> None:
    store = Watched(memory)
    await ask(whole := CachedItems(store, LARGE), "ab")
    items = CachedItems(store, whole.used_bytes)
    store.sent.clear()
    for asked in ("a", "b", "a", "c", "a", "b"):
        await ask(items, asked)
    assert store.sent == ["a", "b", "", "c", "", "b"]


async def test_a_store_that_is_away_is_no_item_that_is_known(memory: Memory) -> None:
    items = CachedItems(MemoryItemStore(memory), LARGE)
    await ask(items, "a")
    memory.away = True
    with pytest.raises(StoreUnavailable):
        await ask(items, "a")
