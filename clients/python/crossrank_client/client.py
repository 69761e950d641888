"""The asynchronous client: one method per remote call, frozen values in and out."""

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence

from google.protobuf.wrappers_pb2 import Int32Value, StringValue

from crossrank.v1 import catalog_pb2, ranking_pb2
from crossrank_client import from_wire, to_wire, uploads
from crossrank_client.caller import HEALTH, Caller, begun, each, settled
from crossrank_client.calls import Rpc
from crossrank_client.catalog import DeleteCounts, Filter, FoundItems, Interaction, Item, RecordCounts, UpsertCounts
from crossrank_client.checks import text, texts, whole
from crossrank_client.questions import Candidate, CandidateOptions, Context, RankingOptions, Subject
from crossrank_client.results import Health, ListStage, RankedList, ServiceInfo, StreamedList

_RANKING = "/crossrank.v1.RankingService/"
_CATALOG = "/crossrank.v1.CatalogService/"
_ALL_SOURCES = CandidateOptions()
_DEFAULTS = RankingOptions()


class CrossrankClient(Caller):
    """Calls the service over one channel, with the retries that the API ships. Make it inside a running event loop.

    Every method takes ``timeout_s`` (default: the client's, else the service config's for that method), which the
    service sees as the deadline, and ``request_id`` (default: a new one), which its logs and errors name. All raise
    CrossrankCallError; a value that no message can hold (None, NaN, a lone surrogate, a wrong type) is refused before
    anything is sent, by CrossrankRequestInvalid. With ``raise_on_degraded`` ranking calls raise CrossrankDegraded,
    holding the answer, instead of returning one that is less than it could be. ``max_request_bytes`` is the service's
    (``get_info().limits``): uploads are cut to it. A secured service wants ``metadata=bearer(token)`` and
    ``credentials=tls(...)``.
    """

    async def __aenter__(self) -> "CrossrankClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends calls in flight and closes the connections."""
        for channel in (self._channel, self._health_channel):
            await settled(channel.close())

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
            candidates=to_wire.candidate_messages(candidates),
            options=to_wire.ranking_options_message(options),
        )
        rpc = Rpc(_RANKING + "Rerank", request, ranking_pb2.RerankResponse, from_wire.ranked_list)
        return self._policy.accept(await self._ask(rpc, timeout_s, request_id))

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
        rpc = Rpc(_RANKING + "Recommend", request, ranking_pb2.RecommendResponse, from_wire.ranked_list)
        return self._policy.accept(await self._ask(rpc, timeout_s, request_id))

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
            item_id=text("item_id", item_id),
            candidates=to_wire.candidate_options_message(candidates),
            options=to_wire.ranking_options_message(options),
        )
        rpc = Rpc(_RANKING + "SimilarItems", request, ranking_pb2.SimilarItemsResponse, from_wire.ranked_list)
        return self._policy.accept(await self._ask(rpc, timeout_s, request_id))

    async def recommend_stream(
        self,
        context: Context | Subject,
        *,
        candidates: CandidateOptions = _ALL_SOURCES,
        options: RankingOptions = _DEFAULTS,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> AsyncGenerator[StreamedList, None]:
        """The first-stage order at once, then the re-ranked list; leaving the loop cancels the call. Only the latter
        raises CrossrankDegraded."""
        request = ranking_pb2.RecommendStreamRequest(
            context=to_wire.context_message(context),
            candidates=to_wire.candidate_options_message(candidates),
            options=to_wire.ranking_options_message(options),
        )
        response = ranking_pb2.RecommendStreamResponse
        rpc = Rpc(_RANKING + "RecommendStream", request, response, from_wire.streamed_list)
        call = self._policy.call(rpc.method, timeout_s, request_id)
        running = begun(self._channel.unary_stream, rpc, call)
        try:
            with call.typed_errors():
                async for message in each(running):
                    answer = rpc.read(message)
                    if answer.stage is ListStage.RERANKED:
                        self._policy.accept(answer.ranked)
                    yield answer
        finally:
            running.cancel()

    async def get_info(self, *, timeout_s: float | None = None, request_id: str = "") -> ServiceInfo:
        """Limits, models and candidate sources of the service."""
        request, response = ranking_pb2.GetInfoRequest(), ranking_pb2.GetInfoResponse
        rpc = Rpc(_RANKING + "GetInfo", request, response, from_wire.service_info)
        return await self._ask(rpc, timeout_s, request_id)

    async def upsert_items(
        self, items: Iterable[Item] | AsyncIterable[Item], *, timeout_s: float | None = None, request_id: str = ""
    ) -> UpsertCounts:
        """Inserts or replaces any number of items, batch by batch; ``timeout_s`` is that of one batch.

        A batch is written whole or not at all; when one fails, those before it are written.
        """
        return await self._upload(uploads.ITEMS, items, timeout_s, request_id)

    async def delete_items(
        self, item_ids: Iterable[str], *, timeout_s: float | None = None, request_id: str = ""
    ) -> DeleteCounts:
        """Deletes 1 to 1000 items."""
        request = catalog_pb2.DeleteItemsRequest(item_ids=texts("item_ids", item_ids))
        rpc = Rpc(_CATALOG + "DeleteItems", request, catalog_pb2.DeleteItemsResponse, from_wire.delete_counts)
        return await self._ask(rpc, timeout_s, request_id)

    async def get_items(
        self, item_ids: Iterable[str], *, timeout_s: float | None = None, request_id: str = ""
    ) -> FoundItems:
        """Reads 1 to 1000 items."""
        request = catalog_pb2.GetItemsRequest(item_ids=texts("item_ids", item_ids))
        rpc = Rpc(_CATALOG + "GetItems", request, catalog_pb2.GetItemsResponse, from_wire.found_items)
        return await self._ask(rpc, timeout_s, request_id)

    async def list_items(
        self,
        *,
        filters: Sequence[Filter] = (),
        page_size: int = 0,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> AsyncGenerator[Item, None]:
        """All items that pass the filters, in order of id, fetched page by page; ``timeout_s`` is that of one page."""
        request = catalog_pb2.ListItemsRequest(
            page_size=whole("page_size", page_size), filters=to_wire.filter_messages("filters", filters)
        )
        rpc = Rpc(_CATALOG + "ListItems", request, catalog_pb2.ListItemsResponse, from_wire.page)
        while True:
            items, request.page_token = await self._ask(rpc, timeout_s, request_id)
            for one in items:
                yield one
            if not request.page_token:
                return

    async def record_interactions(
        self,
        interactions: Iterable[Interaction] | AsyncIterable[Interaction],
        *,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> RecordCounts:
        """Stores any number of interactions, batch by batch, each whole or not at all (up to 1000 are one batch);
        ``timeout_s`` is that of one batch. Sending them again changes nothing where they have their ``time``; the
        client's own retries never store one twice."""
        return await self._upload(uploads.INTERACTIONS, interactions, timeout_s, request_id)

    async def health(self, service: str = "", *, timeout_s: float | None = None, request_id: str = "") -> Health:
        """What the service says of itself, also while it is not serving. CrossrankNotFound for an unknown name."""
        # The messages of gRPC's health protocol are, on the wire, a wrapped text and a wrapped number: no further
        # package, and no second copy of its definition in a process that has one.
        rpc = Rpc(HEALTH, StringValue(value=text("service", service)), Int32Value, from_wire.health)
        return await self._ask(rpc, timeout_s, request_id)
