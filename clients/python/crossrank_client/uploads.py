"""Uploads of any length, cut into messages that the service takes. Knows no transport."""

from collections.abc import Callable, Iterator
from dataclasses import astuple, dataclass
from operator import add
from typing import Generic, TypeVar

from google.protobuf.message import Message

from crossrank.v1 import catalog_pb2, feedback_pb2, types_pb2
from crossrank_client import from_wire, to_wire
from crossrank_client.calls import Rpc
from crossrank_client.catalog import RecordCounts, UpsertCounts
from crossrank_client.errors import CrossrankRequestInvalid

Entry = TypeVar("Entry", bound=Message)
Counts = TypeVar("Counts", UpsertCounts, RecordCounts)


@dataclass(frozen=True)
class Kind(Generic[Entry, Counts]):
    """What is uploaded: the name of the field, its messages, and how many of them a call takes."""

    field: str
    message: Callable[[str, object], Entry]
    rpc: Callable[[list[Entry]], Rpc[Counts]]
    max_entries: int
    nothing: Counts


def upsert_items(items: list[types_pb2.Item]) -> Rpc[UpsertCounts]:
    """Writes one batch of items. UpsertItems with a stream of exactly one message is the same on the wire as a unary
    call; longer streams of grpc.aio lose the status of a service that ends them early (grpc issue 36066)."""
    request, response = catalog_pb2.UpsertItemsRequest(items=items), catalog_pb2.UpsertItemsResponse
    return Rpc("/crossrank.v1.CatalogService/UpsertItems", request, response, from_wire.upsert_counts)


def record_interactions(interactions: list[feedback_pb2.Interaction]) -> Rpc[RecordCounts]:
    """Stores one batch of interactions."""
    request = feedback_pb2.RecordInteractionsRequest(interactions=interactions)
    response = feedback_pb2.RecordInteractionsResponse
    return Rpc("/crossrank.v1.FeedbackService/RecordInteractions", request, response, from_wire.record_counts)


_FRAME_BYTES = 6
"""At most, of an entry's tag and length."""

ITEMS = Kind("items", to_wire.item_message, upsert_items, 200, UpsertCounts(0, 0, 0))
INTERACTIONS = Kind("interactions", to_wire.interaction_message, record_interactions, 1000, RecordCounts(0, 0, 0))


class Upload(Generic[Entry, Counts]):
    """One upload: gives a call as soon as its message is full, and adds up the answers in ``total``."""

    def __init__(self, kind: Kind[Entry, Counts], max_request_bytes: int) -> None:
        self._kind: Kind[Entry, Counts] = kind
        self._max_request_bytes = max_request_bytes
        self._full_bytes = max_request_bytes - max_request_bytes // 64  # the rest is for what proxies may add
        self._entries: list[Entry] = []
        self._bytes = 0
        self._received = 0
        self.total: Counts = kind.nothing

    def add(self, value: object) -> Iterator[Rpc[Counts]]:
        """The calls that are due once ``value`` is there. Raises CrossrankRequestInvalid."""
        path = f"{self._kind.field}[{self._received}]"
        entry = self._kind.message(path, value)
        size = entry.ByteSize() + _FRAME_BYTES
        if size > self._max_request_bytes:
            raise self._too_large(path, entry)
        self._received += 1
        if self._bytes + size > self._full_bytes:
            yield from self.rest()
        self._entries.append(entry)
        self._bytes += size
        if len(self._entries) == self._kind.max_entries:
            yield from self.rest()

    def rest(self) -> Iterator[Rpc[Counts]]:
        """The call for what is left."""
        entries, self._entries, self._bytes = self._entries, [], 0
        if entries:
            yield self._kind.rpc(entries)

    def count(self, counts: Counts) -> None:
        """Adds an answer to ``total``."""
        self.total = type(self.total)(*map(add, astuple(self.total), astuple(counts)))

    def _too_large(self, path: str, entry: Message) -> CrossrankRequestInvalid:
        item_id: str = getattr(entry, "item_id", "")
        most = self._max_request_bytes - _FRAME_BYTES
        description = (
            f"item {item_id!r} takes {entry.ByteSize()} bytes; at most {most} in one request: shorten its texts"
        )
        return CrossrankRequestInvalid.unsent(path, description)
