"""The contract of every ItemReader: the items found by id, nothing for the others."""

import pytest

from gateway.domain.budget import Budget
from gateway.domain.values import Item
from gateway.ports import ItemReader
from tests.contracts.conftest import Stores
from tests.fakes.catalogues import film, indexed
from tests.gateway.rig import Shelf
from tests.gateway.rpc.fakes import FakeItems

ITEMS = {item.item_id: item for item in (film("m1", year=1995.0), film("m2"), film("'; --"), film("日本語 🎬"))}


def _shelf() -> ItemReader:
    shelf = Shelf()
    shelf.items = dict(ITEMS)
    return shelf


@pytest.fixture(params=[_shelf, lambda: FakeItems(dict(ITEMS))], ids=["shelf", "fake"])
def by_hand(request: pytest.FixtureRequest) -> ItemReader:
    """A reader of other tests."""
    made: ItemReader = request.param()
    return made


async def check(reader: ItemReader) -> None:
    """All that the port promises."""
    assert await _get(reader, *ITEMS) == ITEMS
    assert await _get(reader, "m2", "unknown", "m1") == {item_id: ITEMS[item_id] for item_id in ("m1", "m2")}
    assert await _get(reader, "m1", "m1") == {"m1": ITEMS["m1"]}
    assert await _get(reader, "unknown", "M1", "m1 ") == {}
    assert await _get(reader) == {}


async def _get(reader: ItemReader, *item_ids: str) -> dict[str, Item]:
    return dict(await reader.get(item_ids, Budget(10)))


async def test_a_store_gives_the_items_that_it_has(stores: Stores) -> None:
    await stores.items.upsert([indexed(item) for item in ITEMS.values()], Budget(10))
    await check(stores.items)


async def test_a_reader_of_other_tests_gives_the_items_that_it_has(by_hand: ItemReader) -> None:
    await check(by_hand)
