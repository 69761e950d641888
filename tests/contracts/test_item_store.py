"""The contract of every ItemStore: what is written comes back, whole or not at all, in an order that never varies."""

import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import InvalidRequest, StoreUnavailable
from gateway.domain.values import AttributeValue, Filter, FilterKind, Item, WriteCounts
from gateway.ports import StoredItem
from tests.contracts.conftest import Stores
from tests.fakes.catalogues import film, indexed, with_attributes

HOSTILE = ["'; DROP TABLE items;--", '"quoted"', "%s %(x)s {}", "\\", "$1", "a\nb\tc", "日本語 🎬", "ﬀ e\u0301"]


async def write(stores: Stores, *items: Item) -> WriteCounts:
    return await stores.items.upsert([indexed(item) for item in items], Budget(10))


async def listed(stores: Stores, *filters: Filter, after: str = "", limit: int = 100) -> list[str]:
    return [item.item_id for item in await stores.items.list(after, limit, filters, Budget(10))]


async def test_an_item_comes_back_as_it_was_written(stores: Stores) -> None:
    attributes: dict[str, AttributeValue] = {
        "year": 1995.0, "score": -0.125, "big": 1e300, "adult": False, "lang": "en", "genres": ("b", "a"), "tags": (),
    }  # fmt: skip
    item = Item("m1", {"title": "Heat", "plot": ""}, attributes, token_ids=(1, 2, 30_000), tokens_fingerprint="f1")
    await write(stores, item)
    assert await stores.items.get(["m1"], Budget(10)) == {"m1": item}


async def test_an_item_without_token_ids_has_none(stores: Stores) -> None:
    await write(stores, film("m1"))
    assert (await stores.items.get(["m1"], Budget(10)))["m1"].token_ids is None


async def test_unknown_ids_are_left_out(stores: Stores) -> None:
    await write(stores, film("m1"))
    assert list(await stores.items.get(["m0", "m1", "m2"], Budget(10))) == ["m1"]
    assert await stores.items.get([], Budget(10)) == {}
    assert list(await stores.items.digests(["m0", "m1"], Budget(10))) == ["m1"]


async def test_what_is_new_changed_and_unchanged_is_counted(stores: Stores) -> None:
    assert await write(stores, film("m1"), film("m2")) == WriteCounts(inserted=2)
    changed = film("m2", "another title")
    assert await write(stores, film("m1"), changed, film("m3")) == WriteCounts(inserted=1, updated=1, unchanged=1)
    assert (await stores.items.get(["m2"], Budget(10)))["m2"] == changed


async def test_writing_again_changes_nothing(stores: Stores) -> None:
    await write(stores, film("m1", year=1.0))
    before = await stores.items.digests(["m1"], Budget(10))
    assert await write(stores, film("m1", year=1.0)) == WriteCounts(unchanged=1)
    assert await stores.items.digests(["m1"], Budget(10)) == before


async def test_digests_are_those_that_were_written(stores: Stores) -> None:
    await write(stores, film("m1"))
    assert await stores.items.digests(["m1"], Budget(10)) == {"m1": indexed(film("m1")).digests}


async def test_attributes_change_without_a_new_vector(stores: Stores) -> None:
    await write(stores, film("m1", year=1.0))
    changed = with_attributes(film("m1"), {"year": 2.0})
    counts = await stores.items.upsert([indexed(changed, embedded=False)], Budget(10))
    assert counts == WriteCounts(updated=1)
    assert (await stores.items.get(["m1"], Budget(10)))["m1"].attributes == {"year": 2.0}


@pytest.mark.parametrize("bad", [film("m9"), film("m1", "another text")], ids=["new item", "other text"])
async def test_an_item_without_a_vector_for_its_text_stops_the_whole_batch(stores: Stores, bad: Item) -> None:
    await write(stores, film("m1"))
    with pytest.raises(StoreUnavailable):
        await stores.items.upsert([indexed(film("m2")), indexed(bad, embedded=False)], Budget(10))
    assert await listed(stores) == ["m1"]
    assert (await stores.items.get(["m1"], Budget(10)))["m1"] == film("m1")


async def test_deleted_items_are_gone_and_unknown_ones_not_counted(stores: Stores) -> None:
    await write(stores, film("m1"), film("m2"))
    assert await stores.items.delete(["m1", "m7"], Budget(10)) == 1
    assert await stores.items.delete(["m1"], Budget(10)) == 0
    assert await listed(stores) == ["m2"]


async def test_pages_follow_the_bytes_of_the_ids_and_meet_every_item_once(stores: Stores) -> None:
    ids = ["10", "9", "A", "Z", "a", "b", "é", "日", "ﬀ", "🎬"]
    await write(stores, *[film(item_id) for item_id in reversed(ids)])
    found: list[str] = []
    while page := await listed(stores, after=found[-1] if found else "", limit=3):
        found += page
    assert found == ids


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_text_is_text(stores: Stores, text: str) -> None:
    item = Item(text, {"title": text, text: text}, {"plain": text, "labels": (text, "other")})
    await write(stores, film("m1"), item)
    assert await stores.items.get([text], Budget(10)) == {text: item}
    assert await listed(stores, Filter("plain", FilterKind.EQUALS, (text,))) == [text]
    assert await listed(stores, Filter("labels", FilterKind.ANY_OF, (text,))) == [text]
    assert await listed(stores, Filter(text, FilterKind.EQUALS, (text,))) == []
    assert await stores.items.delete([text], Budget(10)) == 1
    assert await listed(stores) == ["m1"]


async def test_what_cannot_be_stored_is_refused_with_the_whole_batch(stores: Stores) -> None:
    for bad in (film("m\0"), film("m2", "a\0b")):
        with pytest.raises(InvalidRequest):
            await write(stores, film("m1"), bad)
    assert await listed(stores) == []


FILMS = [
    film("text", value="a"),
    film("other", value="b"),
    film("empty", value=""),
    film("labels", value=("a", "b")),
    film("swapped", value=("b", "a")),
    film("one", value=("a",)),
    film("none", value=()),
    film("number", value=1.0),
    film("large", value=1e6),
    film("digit", value="1"),
    film("yes", value=True),
    film("no", value=False),
    film("absent", another="a"),
]


def equals(value: AttributeValue) -> Filter:
    return Filter("value", FilterKind.EQUALS, (value,))


def in_range(minimum: float | None = None, maximum: float | None = None) -> Filter:
    return Filter("value", FilterKind.IN_RANGE, minimum=minimum, maximum=maximum)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([equals("a")], {"text"}),
        ([equals("")], {"empty"}),
        ([equals(1.0)], {"number"}),
        ([equals("1")], {"digit"}),
        ([equals(True)], {"yes"}),
        ([equals(False)], {"no"}),
        ([equals(("b", "a"))], {"labels", "swapped"}),
        ([equals(("a",))], {"one"}),
        ([equals(())], {"none"}),
        ([Filter("value", FilterKind.ANY_OF, ("a", "z"))], {"text", "labels", "swapped", "one"}),
        ([Filter("value", FilterKind.ANY_OF, ("1",))], {"digit"}),
        ([Filter("value", FilterKind.ANY_OF, ("z",))], set()),
        ([in_range(1, 1)], {"number"}),
        ([in_range(minimum=1)], {"number", "large"}),
        ([in_range(maximum=1)], {"number"}),
        ([in_range()], {"number", "large"}),
        ([in_range(2, 3)], set()),
        ([equals("a"), Filter("value", FilterKind.ANY_OF, ("a",))], {"text"}),
        ([equals("a"), Filter("another", FilterKind.EQUALS, ("a",))], set()),
        ([Filter("nobody-has-it", FilterKind.EQUALS, ("a",))], set()),
    ],
)
async def test_only_items_that_pass_every_filter_are_listed(
    stores: Stores, filters: list[Filter], expected: set[str]
) -> None:
    await write(stores, *FILMS)
    assert set(await listed(stores, *filters)) == expected


async def test_without_time_nothing_is_asked(stores: Stores) -> None:
    with pytest.raises(StoreUnavailable):
        await stores.items.get(["m1"], Budget(0))
    with pytest.raises(StoreUnavailable):
        await stores.items.upsert([indexed(film("m1"))], Budget(0))
    assert await listed(stores) == []


async def test_what_is_known_already_is_told_without_the_item(stores: Stores) -> None:
    old, new = film("m1"), film("m2", title="New")
    await write(stores, old, new)
    digests = {"m1": indexed(old).digests.content, "m2": indexed(film("m2")).digests.content, "m0": b""}
    found = await stores.items.unless(digests, Budget(10))
    assert found == {
        "m1": StoredItem(digests["m1"], 0, None),
        "m2": StoredItem(indexed(new).digests.content, 0, new),
    }
    assert await stores.items.unless({}, Budget(10)) == {}
