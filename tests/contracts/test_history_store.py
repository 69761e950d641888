"""The contract of every HistoryStore: distinct liked items, the most recent first."""

import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import StoreUnavailable
from gateway.domain.values import HistoryEvent, Interaction
from tests.contracts.conftest import Stores
from tests.fakes.catalogues import did, film, indexed

USER = "u1"


async def recent(stores: Stores, *interactions: Interaction, limit: int = 100, user_id: str = USER) -> list[str]:
    items = dict.fromkeys(one.item_id for one in interactions)
    await stores.items.upsert([indexed(film(item_id)) for item_id in items], Budget(10))
    if interactions:
        await stores.feedback.record_interactions(interactions, Budget(10))
    return [event.item_id for event in await stores.histories.recent(user_id, limit, Budget(10))]


async def test_the_most_recent_item_comes_first(stores: Stores) -> None:
    assert await recent(stores, did(USER, "b", 2), did(USER, "a", 1), did(USER, "c", 3)) == ["c", "b", "a"]


async def test_an_item_counts_once_at_its_latest_moment(stores: Stores) -> None:
    assert await recent(stores, did(USER, "a", 1), did(USER, "b", 2), did(USER, "a", 3)) == ["a", "b"]


async def test_of_one_moment_what_was_stored_last_comes_first(stores: Stores) -> None:
    assert await recent(stores, did(USER, "b", 1), did(USER, "c", 1), did(USER, "a", 1)) == ["a", "c", "b"]


async def test_what_the_user_did_not_like_is_no_history(stores: Stores) -> None:
    assert await recent(stores, did(USER, "a", 1), did(USER, "b", 2, weight=0), did(USER, "c", 3, weight=-1)) == ["a"]


async def test_a_later_dislike_does_not_move_an_item(stores: Stores) -> None:
    assert await recent(stores, did(USER, "a", 1), did(USER, "b", 2), did(USER, "a", 3, weight=0)) == ["b", "a"]


async def test_only_the_limit_of_items_is_read(stores: Stores) -> None:
    assert await recent(stores, *[did(USER, f"m{minute}", minute) for minute in range(9)], limit=2) == ["m8", "m7"]


async def test_users_do_not_mix(stores: Stores) -> None:
    assert await recent(stores, did(USER, "a"), did("u", "b"), did("u11", "c")) == ["a"]


@pytest.mark.parametrize("user_id", ["nobody", "'; DELETE FROM interactions;--", "日本"])
async def test_an_unknown_user_has_an_empty_history(stores: Stores, user_id: str) -> None:
    assert await recent(stores, did(USER, "a"), user_id=user_id) == []


async def test_a_history_survives_the_deletion_of_an_item(stores: Stores) -> None:
    await recent(stores, did(USER, "a", 1), did(USER, "b", 2))
    await stores.items.delete(["b"], Budget(10))
    assert await stores.histories.recent(USER, 10, Budget(10)) == [
        HistoryEvent("b"),
        HistoryEvent("a", film("a").fields),
    ]


async def test_without_time_nothing_is_asked(stores: Stores) -> None:
    with pytest.raises(StoreUnavailable):
        await stores.histories.recent(USER, 10, Budget(0))


async def test_users_come_by_their_latest_liked_item(stores: Stores) -> None:
    await recent(stores, did("old", "a", 1), did("new", "a", 9), did("mid", "a", 0), did("mid", "b", 5))
    assert await stores.histories.latest_users(10, Budget(10)) == ["new", "mid", "old"]
    assert await stores.histories.latest_users(1, Budget(10)) == ["new"]


async def test_a_user_who_liked_nothing_is_none_of_the_latest(stores: Stores) -> None:
    await recent(stores, did("likes", "a", 1), did("hates", "a", 9, weight=0))
    assert await stores.histories.latest_users(10, Budget(10)) == ["likes"]


async def test_without_any_interaction_there_is_no_latest_user(stores: Stores) -> None:
    assert await stores.histories.latest_users(10, Budget(10)) == []
