"""CatalogService: decodes, calls the catalogue, encodes. Knows nothing of storage or embeddings."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from crossrank.v1 import catalog_pb2, catalog_pb2_grpc, types_pb2
from gateway.domain.budget import Budget
from gateway.domain.checks import Checks
from gateway.domain.limits import Limits
from gateway.domain.rules import Rules
from gateway.domain.values import Filter, Item, WriteCounts
from gateway.ports import ItemReader
from gateway.rpc.calls import current_call
from gateway.rpc.codec.items import decode_filters, decode_item, encode_item
from gateway.rpc.codec.pages import decode_page_token, page_token


class ItemWriter(Protocol):
    """Embeds, tokenises and stores items. Raises StoreUnavailable and ModelUnavailable."""

    async def upsert(self, items: Sequence[Item], budget: Budget) -> WriteCounts:
        """Writes all or nothing."""


class StoredItems(ItemReader, Protocol):
    """The part of the item store that this service reads and deletes from. Raises StoreUnavailable."""

    async def delete(self, item_ids: Sequence[str], budget: Budget) -> int:
        """How many existed."""

    async def list(self, after: str, limit: int, filters: Sequence[Filter], budget: Budget) -> Sequence[Item]:
        """Items with an id above ``after``, in order of id."""


class CatalogServicer(catalog_pb2_grpc.CatalogServiceServicer):
    """Every method answers or raises CrossrankError; the interceptor makes the status."""

    def __init__(self, writer: ItemWriter, items: StoredItems, limits: Limits) -> None:
        self._writer = writer
        self._items = items
        self._limits = limits
        self._rules = Rules(limits)

    async def UpsertItems(
        self, request_iterator: AsyncIterator[catalog_pb2.UpsertItemsRequest], context: object
    ) -> catalog_pb2.UpsertItemsResponse:
        """Writes each message whole; a violation names the message by its place in the stream."""
        response = catalog_pb2.UpsertItemsResponse()
        position = 0
        async for request in request_iterator:
            items = self._decode_items(f"requests[{position}].items", request.items)
            counts = await self._writer.upsert(items, current_call().budget)
            response.inserted += counts.inserted
            response.updated += counts.updated
            response.unchanged += counts.unchanged
            position += 1
        return response

    async def DeleteItems(
        self, request: catalog_pb2.DeleteItemsRequest, context: object
    ) -> catalog_pb2.DeleteItemsResponse:
        """Deletes items; counts the unknown."""
        item_ids = self._decode_ids(request.item_ids)
        deleted = await self._items.delete(item_ids, current_call().budget)
        return catalog_pb2.DeleteItemsResponse(deleted=deleted, unknown=len(item_ids) - deleted)

    async def GetItems(self, request: catalog_pb2.GetItemsRequest, context: object) -> catalog_pb2.GetItemsResponse:
        """Reads items in the order asked for."""
        item_ids = self._decode_ids(request.item_ids)
        found = await self._items.get(item_ids, current_call().budget)
        return catalog_pb2.GetItemsResponse(
            items=[encode_item(found[item_id]) for item_id in item_ids if item_id in found],
            unknown_item_ids=[item_id for item_id in item_ids if item_id not in found],
        )

    async def ListItems(self, request: catalog_pb2.ListItemsRequest, context: object) -> catalog_pb2.ListItemsResponse:
        """Reads a page; one item more is read to know whether there is another."""
        checks = Checks(self._rules)
        checks.number("page_size", request.page_size, self._rules.page_size)
        filters = decode_filters(checks, "filters", request.filters)
        after = decode_page_token(checks, request.page_token, request.filters)
        checks.refuse_faults()
        size = request.page_size or self._limits.default_page_items
        items = await self._items.list(after, size + 1, filters, current_call().budget)
        more = len(items) > size
        return catalog_pb2.ListItemsResponse(
            items=[encode_item(item) for item in items[:size]],
            next_page_token=page_token(items[size - 1].item_id, request.filters) if more else "",
        )

    def _decode_items(self, path: str, messages: Sequence[types_pb2.Item]) -> list[Item]:
        checks = Checks(self._rules)
        items: list[Item] = []
        if checks.count(path, len(messages), self._rules.batch_items):
            checks.unique(path, ".item_id", [message.item_id for message in messages])
            items = [decode_item(checks, f"{path}[{place}]", message) for place, message in enumerate(messages)]
        checks.refuse_faults()
        return items

    def _decode_ids(self, item_ids: Sequence[str]) -> list[str]:
        checks = Checks(self._rules)
        if checks.count("item_ids", len(item_ids), self._rules.batch_ids):
            checks.unique("item_ids", "", item_ids)
            for place, item_id in enumerate(item_ids):
                checks.text(f"item_ids[{place}]", item_id, self._rules.required_id)
        checks.refuse_faults()
        return list(item_ids)
