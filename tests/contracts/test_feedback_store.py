"""The contract of every FeedbackStore: all or nothing, once however often it is sent, joined to what was shown."""

from collections.abc import Sequence

import pytest

from gateway.domain.budget import Budget
from gateway.domain.errors import InvalidRequest, NotFound, StoreUnavailable
from gateway.domain.values import (
    Context,
    Degradation,
    HistoryEvent,
    Impression,
    Interaction,
    ModelIdentity,
    Reason,
    ScoredItem,
)
from tests.contracts.conftest import Stores
from tests.fakes.catalogues import did, film, indexed

FULL_CONTEXT = Context(
    history=(HistoryEvent("a"), HistoryEvent("inline", {"title": "Heat"})),
    session_query="space",
    surface="home",
    locale="en-GB",
    features={"mood": "calm", "hour": 7.0, "weekend": True, "tags": ("x", "y")},
)


def impression(token: str, item_ids: Sequence[str], context: Context = Context(user_id="u1")) -> Impression:
    items = [ScoredItem(item_id, rank, rank + 1, 0.25, 0.5) for rank, item_id in enumerate(item_ids, start=1)]
    degraded = (Degradation(Reason.DEADLINE, "2 items were not scored"),)
    return Impression(token, "request-1", context, ModelIdentity("cross_encoder", "1", "f1"), items, degraded)


async def prepare(stores: Stores, *item_ids: str) -> None:
    await stores.items.upsert([indexed(film(item_id)) for item_id in item_ids], Budget(10))


async def record(stores: Stores, *interactions: Interaction) -> tuple[int, int]:
    return await stores.feedback.record_interactions(interactions, Budget(10))


async def history(stores: Stores, user_id: str = "u1") -> list[str]:
    return [event.item_id for event in await stores.histories.recent(user_id, 100, Budget(10))]


async def test_new_interactions_are_counted_and_repeated_ones_are_not(stores: Stores) -> None:
    await prepare(stores, "a", "b")
    assert await record(stores, did("u1", "a", 1), did("u1", "b", 2)) == (2, 0)
    assert await record(stores, did("u1", "a", 1), did("u1", "b", 3)) == (1, 0)
    assert await record(stores, did("u1", "a", 1), did("u1", "b", 3)) == (0, 0)
    assert await history(stores) == ["b", "a"]


async def test_the_same_interaction_twice_in_one_message_is_one(stores: Stores) -> None:
    await prepare(stores, "a")
    assert await record(stores, did("u1", "a"), did("u1", "a")) == (1, 0)


async def test_a_repeated_interaction_keeps_its_first_weight(stores: Stores) -> None:
    await prepare(stores, "a")
    await record(stores, did("u1", "a", weight=1))
    await record(stores, did("u1", "a", weight=0))
    assert await history(stores) == ["a"]


async def test_an_unknown_item_is_named_and_nothing_is_stored(stores: Stores) -> None:
    await prepare(stores, "a")
    with pytest.raises(NotFound, match="'zz'"):
        await record(stores, did("u1", "a"), did("u1", "zz"), did("u1", "yy"))
    assert await history(stores) == []


async def test_what_cannot_be_stored_is_refused_with_the_whole_message(stores: Stores) -> None:
    await prepare(stores, "a")
    with pytest.raises(InvalidRequest):
        await record(stores, did("u1", "a"), did("u\0", "a"))
    assert await history(stores) == []


async def test_an_interaction_with_a_shown_item_is_attributed(stores: Stores) -> None:
    await prepare(stores, "a", "b", "c")
    await stores.feedback.record_impression(impression("token", ["a", "b"]), Budget(10))
    given = [did("u1", "a", token="token"), did("u1", "b"), did("u1", "c", token="token"), did("u2", "b", token="x")]
    assert await record(stores, *given) == (4, 1)
    assert await record(stores, *given) == (0, 0)


async def test_an_impression_of_every_kind_of_context_is_stored_and_may_be_repeated(stores: Stores) -> None:
    await prepare(stores, "a")
    contexts = [Context(user_id="u1"), Context(query="'; --"), Context(seed_item_id="a"), FULL_CONTEXT]
    for number, context in enumerate(contexts):
        for _ in range(2):
            await stores.feedback.record_impression(impression(f"t{number}", ["a"], context), Budget(10))
    given = [did("u1", "a", number, token=f"t{number}") for number in range(len(contexts))]
    assert await record(stores, *given) == (4, 4)


async def test_an_impression_without_items_and_one_with_unscored_items_are_stored(stores: Stores) -> None:
    await prepare(stores, "a")
    await stores.feedback.record_impression(impression("empty", []), Budget(10))
    unscored = Impression(
        "unscored", "r", Context(user_id="u1"), ModelIdentity("m", "", ""), [ScoredItem("a", 1, 1, None, None)]
    )
    await stores.feedback.record_impression(unscored, Budget(10))
    assert await record(stores, did("u1", "a", 1, token="unscored"), did("u1", "a", 2, token="empty")) == (2, 1)


async def test_without_time_nothing_is_stored(stores: Stores) -> None:
    await prepare(stores, "a")
    with pytest.raises(StoreUnavailable):
        await stores.feedback.record_interactions([did("u1", "a")], Budget(0))
    with pytest.raises(StoreUnavailable):
        await stores.feedback.record_impression(impression("t", ["a"]), Budget(0))
    assert await history(stores) == []
