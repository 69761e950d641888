"""The client: one method per remote call, frozen values in and out."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from crossrank.v1 import catalog_pb2, catalog_pb2_grpc, feedback_pb2, feedback_pb2_grpc, ranking_pb2, ranking_pb2_grpc
from crossrank_client import from_wire, to_wire
from crossrank_client.calls import Caller
from crossrank_client.catalog import (
    DeleteCounts,
    Filter,
    FoundItems,
    Interaction,
    Item,
    RecordCounts,
    UpsertCounts,
)
from crossrank_client.channel import open_channel, open_health_channel, shipped_service_config
from crossrank_client.errors import CrossrankDegraded
from crossrank_client.questions import Candidate, CandidateOptions, Context, RankingOptions, Subject
from crossrank_client.results import Health, ListStage, RankedList, ServiceInfo, StreamedList

_RANKING = "/crossrank.v1.RankingService/"
_CATALOG = "/crossrank.v1.CatalogService/"
_UPSERT = _CATALOG + "UpsertItems"
_FEEDBACK = "/crossrank.v1.FeedbackService/"
_ALL_SOURCES = CandidateOptions()
_DEFAULTS = RankingOptions()
_UPLOAD_ITEMS = 200


class CrossrankClient:
    """Calls the service over one channel, with the retries that the API ships. Make it inside a running event loop.

    Every method takes ``timeout_s`` (default: the client's, else the service config's for that method), which the
    service sees as the deadline, and ``request_id`` (default: a new one), which its logs and errors name. All raise
    CrossrankCallError. With ``raise_on_degraded`` ranking calls raise CrossrankDegraded, holding the answer, instead
    of returning one that is less than it could be.
    """

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        credentials: grpc.ChannelCredentials | None = None,
        timeout_s: float | None = None,
        raise_on_degraded: bool = False,
        metadata: Sequence[tuple[str, str]] = (),
    ) -> None:
        service_config = shipped_service_config()
        self._raise_on_degraded = raise_on_degraded
        self._caller = Caller(service_config, timeout_s, metadata)
        self._channel = open_channel(target, credentials, service_config)
        self._health_channel = open_health_channel(target, credentials)
        self._ranking = ranking_pb2_grpc.RankingServiceStub(self._channel)
        self._catalog = catalog_pb2_grpc.CatalogServiceStub(self._channel)
        self._upsert_batch = _one_message_upload(self._channel)
        self._feedback = feedback_pb2_grpc.FeedbackServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._health_channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends calls in flight and closes the connections."""
        await self._channel.close(None)
        await self._health_channel.close(None)

    async def rerank(
        self,
        context: Context | Subject,
        candidates: Iterable[Candidate | str],
        *,
        options: RankingOptions = _DEFAULTS,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> RankedList:
        """Ranks 1 to 1000 candidates given in first-stage order; a string is the id of a catalogue item."""
        request = ranking_pb2.RerankRequest(
            context=to_wire.context_message(context),
            candidates=[to_wire.candidate_message(one) for one in candidates],
            options=to_wire.ranking_options_message(options),
        )
        call = self._caller.call(_RANKING + "Rerank", timeout_s, request_id)
        answer = await call.unary(self._ranking.Rerank, request)
        return self._checked(from_wire.ranked_list(answer))

    async def recommend(
        self,
        context: Context | Subject,
        *,
        candidates: CandidateOptions = _ALL_SOURCES,
        options: RankingOptions = _DEFAULTS,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> RankedList:
        """Fetches candidates and ranks them."""
        request = ranking_pb2.RecommendRequest(
            context=to_wire.context_message(context),
            candidates=to_wire.candidate_options_message(candidates),
            options=to_wire.ranking_options_message(options),
        )
        call = self._caller.call(_RANKING + "Recommend", timeout_s, request_id)
        answer = await call.unary(self._ranking.Recommend, request)
        return self._checked(from_wire.ranked_list(answer))

    async def similar_items(
        self,
        item_id: str,
        *,
        candidates: CandidateOptions = _ALL_SOURCES,
        options: RankingOptions = _DEFAULTS,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> RankedList:
        """Ranks catalogue items for the readers of one item."""
        request = ranking_pb2.SimilarItemsRequest(
            item_id=item_id,
            candidates=to_wire.candidate_options_message(candidates),
            options=to_wire.ranking_options_message(options),
        )
        call = self._caller.call(_RANKING + "SimilarItems", timeout_s, request_id)
        answer = await call.unary(self._ranking.SimilarItems, request)
        return self._checked(from_wire.ranked_list(answer))

    async def recommend_stream(
        self,
        context: Context | Subject,
        *,
        candidates: CandidateOptions = _ALL_SOURCES,
        options: RankingOptions = _DEFAULTS,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> AsyncIterator[StreamedList]:
        """The first-stage order at once, then the re-ranked list. Only the latter raises CrossrankDegraded."""
        request = ranking_pb2.RecommendStreamRequest(
            context=to_wire.context_message(context),
            candidates=to_wire.candidate_options_message(candidates),
            options=to_wire.ranking_options_message(options),
        )
        call = self._caller.call(_RANKING + "RecommendStream", timeout_s, request_id)
        async for message in call.stream(self._ranking.RecommendStream, request):
            answer = from_wire.streamed_list(message)
            if answer.stage is ListStage.RERANKED:
                self._checked(answer.ranked)
            yield answer

    async def get_info(self, *, timeout_s: float | None = None, request_id: str = "") -> ServiceInfo:
        """Limits, models and candidate sources of the service."""
        call = self._caller.call(_RANKING + "GetInfo", timeout_s, request_id)
        return from_wire.service_info(await call.unary(self._ranking.GetInfo, ranking_pb2.GetInfoRequest()))

    async def upsert_items(
        self, items: Iterable[Item] | AsyncIterable[Item], *, timeout_s: float | None = None, request_id: str = ""
    ) -> UpsertCounts:
        """Inserts or replaces any number of items, batch by batch; ``timeout_s`` is that of one batch.

        A batch is written whole or not at all; when one fails, those before it are written.
        """
        total = UpsertCounts(0, 0, 0)
        async for batch in _batches(items):
            call = self._caller.call(_UPSERT, timeout_s, request_id)
            done = await call.unary(self._upsert_batch, batch)
            total = UpsertCounts(
                total.inserted + done.inserted, total.updated + done.updated, total.unchanged + done.unchanged
            )
        return total

    async def delete_items(
        self, item_ids: Iterable[str], *, timeout_s: float | None = None, request_id: str = ""
    ) -> DeleteCounts:
        """Deletes 1 to 1000 items."""
        call = self._caller.call(_CATALOG + "DeleteItems", timeout_s, request_id)
        request = catalog_pb2.DeleteItemsRequest(item_ids=item_ids)
        counts = await call.unary(self._catalog.DeleteItems, request)
        return DeleteCounts(deleted=counts.deleted, unknown=counts.unknown)

    async def get_items(
        self, item_ids: Iterable[str], *, timeout_s: float | None = None, request_id: str = ""
    ) -> FoundItems:
        """Reads 1 to 1000 items."""
        call = self._caller.call(_CATALOG + "GetItems", timeout_s, request_id)
        found = await call.unary(self._catalog.GetItems, catalog_pb2.GetItemsRequest(item_ids=item_ids))
        return FoundItems(tuple(from_wire.item(one) for one in found.items), tuple(found.unknown_item_ids))

    async def list_items(
        self,
        *,
        filters: Sequence[Filter] = (),
        page_size: int = 0,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> AsyncIterator[Item]:
        """All items that pass the filters, in order of id, fetched page by page; ``timeout_s`` is that of one page."""
        request = catalog_pb2.ListItemsRequest(page_size=page_size, filters=to_wire.filter_messages(filters))
        while True:
            call = self._caller.call(_CATALOG + "ListItems", timeout_s, request_id)
            page = await call.unary(self._catalog.ListItems, request)
            for one in page.items:
                yield from_wire.item(one)
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def record_interactions(
        self, interactions: Iterable[Interaction], *, timeout_s: float | None = None, request_id: str = ""
    ) -> RecordCounts:
        """Stores 1 to 1000 interactions, all or none; sending them again changes nothing."""
        call = self._caller.call(_FEEDBACK + "RecordInteractions", timeout_s, request_id)
        messages = [to_wire.interaction_message(one) for one in interactions]
        counts = await call.unary(
            self._feedback.RecordInteractions, feedback_pb2.RecordInteractionsRequest(interactions=messages)
        )
        return RecordCounts(recorded=counts.recorded, duplicates=counts.duplicates, attributed=counts.attributed)

    async def health(self, service: str = "", *, timeout_s: float | None = None, request_id: str = "") -> Health:
        """What the service says of itself, also while it is not serving. CrossrankNotFound for an unknown name."""
        call = self._caller.call("/grpc.health.v1.Health/Check", timeout_s, request_id)
        answer = await call.unary(self._health.Check, health_pb2.HealthCheckRequest(service=service))
        names = {health_pb2.HealthCheckResponse.SERVING: Health.SERVING}
        names[health_pb2.HealthCheckResponse.NOT_SERVING] = Health.NOT_SERVING
        return names.get(answer.status, Health.UNKNOWN)

    def _checked(self, ranked: RankedList) -> RankedList:
        if self._raise_on_degraded and ranked.degraded:
            raise CrossrankDegraded(ranked)
        return ranked


def _one_message_upload(
    channel: grpc.aio.Channel,
) -> "grpc.aio.UnaryUnaryMultiCallable[catalog_pb2.UpsertItemsRequest, catalog_pb2.UpsertItemsResponse]":
    """UpsertItems with a stream of exactly one message, which is the same on the wire as a unary call.

    Longer streams of grpc.aio lose the status of a service that ends them early (grpc issue 36066).
    """
    return channel.unary_unary(
        _UPSERT,
        request_serializer=catalog_pb2.UpsertItemsRequest.SerializeToString,
        response_deserializer=catalog_pb2.UpsertItemsResponse.FromString,
    )


async def _batches(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncIterator[catalog_pb2.UpsertItemsRequest]:
    batch = catalog_pb2.UpsertItemsRequest()
    async for one in _each(items):
        batch.items.append(to_wire.item_message(one))
        if len(batch.items) == _UPLOAD_ITEMS:
            yield batch
            batch = catalog_pb2.UpsertItemsRequest()
    if batch.items:
        yield batch


async def _each(items: Iterable[Item] | AsyncIterable[Item]) -> AsyncIterator[Item]:
    if isinstance(items, AsyncIterable):
        async for one in items:
            yield one
    else:
        for one in items:
            yield one
