"""One audit line for each call that writes: who, what, how many and how it ended; no text and no id of an item."""

from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from crossrank.v1 import catalog_pb2, feedback_pb2, ranking_pb2, types_pb2
from gateway.identity.api_keys import hash_of, new_key
from gateway.identity.gate import IdentityGate
from gateway.identity.identities import Identities
from tests.gateway.identity.issued import bearer
from tests.gateway.rpc.rig import Rig, serving

KEY = new_key()
LOADER = IdentityGate(Identities.parse(f"[callers.loader]\nroles = ['catalogue']\napi_keys = ['{hash_of(KEY)}']"))
SECRET = "a text of a user"


async def audit_of(calls: Any, **settings: Any) -> list[dict[str, Any]]:
    with capture_logs() as logged:
        async with serving(**settings) as rig:
            await calls(rig)
    return [{key: one[key] for key in one if key != "log_level"} for one in logged if one["event"] == "write"]


def items(*item_ids: str) -> catalog_pb2.UpsertItemsRequest:
    return catalog_pb2.UpsertItemsRequest(
        items=[types_pb2.Item(item_id=one, fields={"title": SECRET}) for one in item_ids]
    )


async def test_a_write_is_told_with_its_caller_and_the_items_of_all_its_messages() -> None:
    async def upsert(rig: Rig) -> None:
        await rig.catalog.UpsertItems(iter([items("a", "b"), items("c")]), metadata=bearer(KEY))

    (line,) = await audit_of(upsert, gate=LOADER)
    assert line == {
        "event": "write",
        "caller": "loader",
        "method": "/crossrank.v1.CatalogService/UpsertItems",
        "items": 3,
        "outcome": "OK",
        "reason": "",
    }


async def test_a_refused_write_is_told_too() -> None:
    async def record(rig: Rig) -> None:
        request = feedback_pb2.RecordInteractionsRequest(interactions=[feedback_pb2.Interaction(user_id="u")])
        for metadata in (bearer(KEY), ()):
            with pytest.raises(grpc.aio.AioRpcError):
                await rig.feedback_service.RecordInteractions(request, metadata=metadata)

    denied, unknown = await audit_of(record, gate=LOADER)
    assert (denied["caller"], denied["outcome"], denied["items"]) == ("loader", "PERMISSION_DENIED", 0)
    assert (unknown["caller"], unknown["outcome"], unknown["reason"]) == ("", "UNAUTHENTICATED", "UNAUTHENTICATED")


async def test_reading_is_not_told_and_nobody_is_named_where_nobody_is_asked() -> None:
    async def both(rig: Rig) -> None:
        await rig.ranking.GetInfo(ranking_pb2.GetInfoRequest())
        await rig.catalog.DeleteItems(catalog_pb2.DeleteItemsRequest(item_ids=["a", "b"]))

    (line,) = await audit_of(both)
    assert (line["caller"], line["items"], line["outcome"]) == ("", 2, "OK")
    assert SECRET not in repr(line)
