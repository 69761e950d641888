"""Every remote call, once: its method, its message, and how its answer is read. Knows no transport and no timeout."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from google.protobuf.message import Message
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from crossrank.v1 import catalog_pb2, feedback_pb2, ranking_pb2, types_pb2
from crossrank_client import from_wire, to_wire
from crossrank_client.catalog import DeleteCounts, FoundItems, Item, RecordCounts, UpsertCounts
from crossrank_client.checks import text, texts, whole
from crossrank_client.results import Health, RankedList, ServiceInfo, StreamedList

HEALTH = "/grpc.health.v1.Health/Check"
_RANKING = "/crossrank.v1.RankingService/"
_CATALOG = "/crossrank.v1.CatalogService/"
_FEEDBACK = "/crossrank.v1.FeedbackService/"

Answer = TypeVar("Answer")
Page = tuple[tuple[Item, ...], str]


@dataclass(frozen=True)
class Rpc(Generic[Answer]):
    """One call about to be made. ``read`` turns a ``response`` into frozen values."""

    method: str
    request: Message
    response: type[Message]
    read: Callable[..., Answer]


def rerank(context: object, candidates: object, options: object) -> Rpc[RankedList]:
    """Ranks the caller's candidates."""
    request = ranking_pb2.RerankRequest(
        context=to_wire.context_message(context),
        candidates=to_wire.candidate_messages(candidates),
        options=to_wire.ranking_options_message(options),
    )
    return Rpc(_RANKING + "Rerank", request, ranking_pb2.RerankResponse, from_wire.ranked_list)


def recommend(context: object, candidates: object, options: object) -> Rpc[RankedList]:
    """Fetches candidates and ranks them."""
    request = ranking_pb2.RecommendRequest(
        context=to_wire.context_message(context),
        candidates=to_wire.candidate_options_message(candidates),
        options=to_wire.ranking_options_message(options),
    )
    return Rpc(_RANKING + "Recommend", request, ranking_pb2.RecommendResponse, from_wire.ranked_list)


def similar_items(item_id: object, candidates: object, options: object) -> Rpc[RankedList]:
    """Ranks catalogue items for one seed item."""
    request = ranking_pb2.SimilarItemsRequest(
        item_id=text("item_id", item_id),
        candidates=to_wire.candidate_options_message(candidates),
        options=to_wire.ranking_options_message(options),
    )
    return Rpc(_RANKING + "SimilarItems", request, ranking_pb2.SimilarItemsResponse, from_wire.ranked_list)


def recommend_stream(context: object, candidates: object, options: object) -> Rpc[StreamedList]:
    """As ``recommend``, answered in two steps."""
    request = ranking_pb2.RecommendStreamRequest(
        context=to_wire.context_message(context),
        candidates=to_wire.candidate_options_message(candidates),
        options=to_wire.ranking_options_message(options),
    )
    return Rpc(_RANKING + "RecommendStream", request, ranking_pb2.RecommendStreamResponse, from_wire.streamed_list)


def get_info() -> Rpc[ServiceInfo]:
    """Limits and versions."""
    request = ranking_pb2.GetInfoRequest()
    return Rpc(_RANKING + "GetInfo", request, ranking_pb2.GetInfoResponse, from_wire.service_info)


def upsert_items(items: list[types_pb2.Item]) -> Rpc[UpsertCounts]:
    """Writes one batch of items. UpsertItems with a stream of exactly one message is the same on the wire as a unary
    call; longer streams of grpc.aio lose the status of a service that ends them early (grpc issue 36066)."""
    request = catalog_pb2.UpsertItemsRequest(items=items)
    return Rpc(_CATALOG + "UpsertItems", request, catalog_pb2.UpsertItemsResponse, from_wire.upsert_counts)


def delete_items(item_ids: object) -> Rpc[DeleteCounts]:
    """Deletes items."""
    request = catalog_pb2.DeleteItemsRequest(item_ids=texts("item_ids", item_ids))
    return Rpc(_CATALOG + "DeleteItems", request, catalog_pb2.DeleteItemsResponse, from_wire.delete_counts)


def get_items(item_ids: object) -> Rpc[FoundItems]:
    """Reads items."""
    request = catalog_pb2.GetItemsRequest(item_ids=texts("item_ids", item_ids))
    return Rpc(_CATALOG + "GetItems", request, catalog_pb2.GetItemsResponse, from_wire.found_items)


def list_items(filters: object, page_size: object) -> Rpc[Page]:
    """Reads the first page of items, and the token of the next."""
    request = catalog_pb2.ListItemsRequest(
        page_size=whole("page_size", page_size), filters=to_wire.filter_messages("filters", filters)
    )
    return Rpc(_CATALOG + "ListItems", request, catalog_pb2.ListItemsResponse, from_wire.page)


def next_page(rpc: Rpc[Page], token: str) -> Rpc[Page]:
    """Reads the page of this token."""
    request = catalog_pb2.ListItemsRequest.FromString(rpc.request.SerializeToString())
    request.page_token = token
    return replace(rpc, request=request)


def record_interactions(interactions: list[feedback_pb2.Interaction]) -> Rpc[RecordCounts]:
    """Stores one batch of interactions."""
    request = feedback_pb2.RecordInteractionsRequest(interactions=interactions)
    response = feedback_pb2.RecordInteractionsResponse
    return Rpc(_FEEDBACK + "RecordInteractions", request, response, from_wire.record_counts)


def health(service: object) -> Rpc[Health]:
    """What the service says of itself. The messages of gRPC's health protocol are, on the wire, a wrapped text and a
    wrapped number: no further package, and no second copy of its definition in a process that has one."""
    return Rpc(HEALTH, StringValue(value=text("service", service)), Int32Value, from_wire.health)
