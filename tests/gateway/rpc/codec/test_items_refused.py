"""Bad catalogue and feedback requests are refused, and what they would have written is not written."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from crossrank.v1 import catalog_pb2, feedback_pb2, types_pb2
from gateway.domain.values import Item
from tests.gateway.rpc.rig import Rig, refusal
from tests.gateway.rpc.values import labels, text_value

NAN = float("nan")

ITEMS = [
    ([], "items", ["received 0", "1 to 1000"]),
    ([types_pb2.Item(item_id="x")] * 1001, "items", ["1001"]),
    ([types_pb2.Item(item_id="x")] * 2, "items[1].item_id", ["'x' again"]),
    ([types_pb2.Item(item_id="")], "items[0].item_id", ["empty"]),
    ([types_pb2.Item(item_id="x\x1b[31m")], "items[0].item_id", ["U+001B"]),
    ([types_pb2.Item(item_id="x", fields={"title": "t" * 8193})], "items[0].fields['title']", ["8193", "8192"]),
    (
        [types_pb2.Item(item_id="x", attributes={f"a{place}": text_value("v") for place in range(65)})],
        "items[0].attributes",
        ["65", "64"],
    ),
    (
        [types_pb2.Item(item_id="x", attributes={"a": types_pb2.AttributeValue(labels=labels(65))})],
        "items[0].attributes['a'].labels.values",
        ["65", "64"],
    ),
    ([types_pb2.Item(item_id="x", attributes={"n" * 65: text_value("v")})], None, ["65", "64"]),
]


@pytest.mark.parametrize(("items", "field", "words"), ITEMS)
async def test_a_bad_batch_of_items_is_refused_whole_and_names_its_message(
    rig: Rig, items: list[types_pb2.Item], field: str | None, words: list[str]
) -> None:
    good = catalog_pb2.UpsertItemsRequest(items=[types_pb2.Item(item_id="good")])
    bad = catalog_pb2.UpsertItemsRequest(items=items)
    refused = await refusal(rig.catalog.UpsertItems(iter([good, bad])))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    (found,) = refused.violations
    assert found.startswith("requests[1].items")
    assert field is None or found == f"requests[1].{field}"
    assert all(word in refused.violations[found] for word in words), refused.violations
    assert list(rig.items.items) == ["good"]


@pytest.mark.parametrize(
    ("item_ids", "field"),
    [([], "item_ids"), (["a"] * 1001, "item_ids"), (["a", "a"], "item_ids[1]"), (["a", ""], "item_ids[1]")],
)
async def test_bad_ids_are_refused_by_get_and_delete(rig: Rig, item_ids: list[str], field: str) -> None:
    for call in (
        rig.catalog.GetItems(catalog_pb2.GetItemsRequest(item_ids=item_ids)),
        rig.catalog.DeleteItems(catalog_pb2.DeleteItemsRequest(item_ids=item_ids)),
    ):
        refused = await refusal(call)
        assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
        assert list(refused.violations) == [field]


@pytest.mark.parametrize("token", ["x", "====", "é", "QUJDREVGR0hJSktM", "A" * 5000, "_w=="])
async def test_a_page_token_that_no_page_gave_is_refused(rig: Rig, token: str) -> None:
    refused = await refusal(rig.catalog.ListItems(catalog_pb2.ListItemsRequest(page_token=token)))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(refused.violations) == ["page_token"]


async def test_a_page_larger_than_the_limit_is_refused(rig: Rig) -> None:
    refused = await refusal(rig.catalog.ListItems(catalog_pb2.ListItemsRequest(page_size=1001)))
    assert "0 to 1000" in refused.violations["page_size"]


def interaction(**values: Any) -> feedback_pb2.Interaction:
    return feedback_pb2.Interaction(**{"user_id": "u", "item_id": "i", "event": "click"} | values)


IN_TWO_DAYS = Timestamp(seconds=int((datetime.now(UTC) + timedelta(days=2)).timestamp()))
INTERACTIONS = [
    ([], "interactions", ["received 0", "1 to 1000"]),
    ([interaction()] * 1001, "interactions", ["1001"]),
    ([interaction(user_id="")], "interactions[0].user_id", ["empty"]),
    ([interaction(), interaction(item_id="")], "interactions[1].item_id", ["empty"]),
    ([interaction(event="")], "interactions[0].event", ["empty"]),
    ([interaction(event="click me")], "interactions[0].event", ["U+0020 at position 5"]),
    ([interaction(event="e" * 65)], "interactions[0].event", ["65", "64"]),
    ([interaction(weight=NAN)], "interactions[0].weight", ["nan", "finite"]),
    ([interaction(attribution_token="t" * 257)], "interactions[0].attribution_token", ["257"]),
    ([interaction(time=IN_TWO_DAYS)], "interactions[0].time", ["at most", "clock"]),
    ([interaction(time=Timestamp(seconds=2**62))], "interactions[0].time", ["years 1 to 9999"]),
    ([interaction(time=Timestamp(seconds=-(2**62)))], "interactions[0].time", ["years 1 to 9999"]),
    ([interaction(time=Timestamp(nanos=-1))], "interactions[0].time", ["-1 ns"]),
]


@pytest.mark.parametrize(("interactions", "field", "words"), INTERACTIONS)
async def test_a_bad_interaction_is_refused_and_nothing_is_stored(
    rig: Rig, interactions: list[feedback_pb2.Interaction], field: str, words: list[str]
) -> None:
    rig.items.items["i"] = Item("i", {})
    request = feedback_pb2.RecordInteractionsRequest(interactions=interactions)
    refused = await refusal(rig.feedback_service.RecordInteractions(request))
    assert refused.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(refused.violations) == [field]
    assert all(word in refused.violations[field] for word in words), refused.violations
    assert rig.feedback.interactions == {}
