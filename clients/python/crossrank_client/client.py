"""The asynchronous client: one method per remote call, frozen values in and out."""

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from types import TracebackType
from typing import Any, TypeVar

import grpc

from crossrank_client import rpcs, uploads
from crossrank_client.calls import CallPolicy
from crossrank_client.catalog import DeleteCounts, Filter, FoundItems, Interaction, Item, RecordCounts, UpsertCounts
from crossrank_client.channel import (
    MAX_REQUEST_BYTES,
    channel_options,
    health_channel_options,
    open_async_channel,
    shipped_service_config,
)
from crossrank_client.checks import several
from crossrank_client.questions import Candidate, CandidateOptions, Context, RankingOptions, Subject
from crossrank_client.results import Health, ListStage, RankedList, ServiceInfo, StreamedList
from crossrank_client.rpcs import Rpc
from crossrank_client.uploads import Counts, Entry, Kind, Upload

Answer = TypeVar("Answer")
_ALL_SOURCES = CandidateOptions()
_DEFAULTS = RankingOptions()


class CrossrankClient:
    """Calls the service over one channel, with the retries that the API ships. Make it inside a running event loop.

    Every method takes ``timeout_s`` (default: the client's, else the service config's for that method), which the
    service sees as the deadline, and ``request_id`` (default: a new one), which its logs and errors name. All raise
    CrossrankCallError; a value that no message can hold (None, NaN, a lone surrogate, a wrong type) is refused before
    anything is sent, by CrossrankRequestInvalid. With ``raise_on_degraded`` ranking calls raise CrossrankDegraded,
    holding the answer, instead of returning one that is less than it could be. ``max_request_bytes`` is the service's
    (``get_info().limits``): uploads are cut to it.
    """

    def __init__(
        self,
        target: str = "127.0.0.1:50051",
        *,
        credentials: grpc.ChannelCredentials | None = None,
        timeout_s: float | None = None,
        raise_on_degraded: bool = False,
        metadata: Sequence[tuple[str, str]] = (),
        max_request_bytes: int = MAX_REQUEST_BYTES,
    ) -> None:
        service_config = shipped_service_config()
        self._policy = CallPolicy(service_config, timeout_s, tuple(metadata), raise_on_degraded)
        self._max_request_bytes = max_request_bytes
        self._channel = open_async_channel(target, credentials, channel_options(service_config))
        self._health_channel = open_async_channel(target, credentials, health_channel_options())

    async def __aenter__(self) -> "CrossrankClient":
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
        rpc = rpcs.rerank(context, candidates, options)
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
        rpc = rpcs.recommend(context, candidates, options)
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
        rpc = rpcs.similar_items(item_id, candidates, options)
        return self._policy.accept(await self._ask(rpc, timeout_s, request_id))

    async def recommend_stream(
        self,
        context: Context | Subject,
        *,
        candidates: CandidateOptions = _ALL_SOURCES,
        options: RankingOptions = _DEFAULTS,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> AsyncIterator[StreamedList]:
        """The first-stage order at once, then the re-ranked list; leaving the loop cancels the call. Only the latter
        raises CrossrankDegraded."""
        rpc = rpcs.recommend_stream(context, candidates, options)
        call = self._policy.call(rpc.method, timeout_s, request_id)
        method = self._channel.unary_stream(rpc.method, type(rpc.request).SerializeToString, rpc.response.FromString)
        running: Any = method(rpc.request, timeout=call.timeout_s, metadata=call.metadata)
        try:
            with call.typed_errors():
                async for message in running:
                    answer = rpc.read(message)
                    if answer.stage is ListStage.RERANKED:
                        self._policy.accept(answer.ranked)
                    yield answer
        finally:
            running.cancel()

    async def get_info(self, *, timeout_s: float | None = None, request_id: str = "") -> ServiceInfo:
        """Limits, models and candidate sources of the service."""
        return await self._ask(rpcs.get_info(), timeout_s, request_id)

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
        return await self._ask(rpcs.delete_items(item_ids), timeout_s, request_id)

    async def get_items(
        self, item_ids: Iterable[str], *, timeout_s: float | None = None, request_id: str = ""
    ) -> FoundItems:
        """Reads 1 to 1000 items."""
        return await self._ask(rpcs.get_items(item_ids), timeout_s, request_id)

    async def list_items(
        self,
        *,
        filters: Sequence[Filter] = (),
        page_size: int = 0,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> AsyncIterator[Item]:
        """All items that pass the filters, in order of id, fetched page by page; ``timeout_s`` is that of one page."""
        rpc = rpcs.list_items(filters, page_size)
        while True:
            items, token = await self._ask(rpc, timeout_s, request_id)
            for one in items:
                yield one
            if not token:
                return
            rpc = rpcs.next_page(rpc, token)

    async def record_interactions(
        self,
        interactions: Iterable[Interaction] | AsyncIterable[Interaction],
        *,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> RecordCounts:
        """Stores any number of interactions, batch by batch, each whole or not at all (up to 1000 are one batch);
        ``timeout_s`` is that of one batch. Sending them again changes nothing."""
        return await self._upload(uploads.INTERACTIONS, interactions, timeout_s, request_id)

    async def health(self, service: str = "", *, timeout_s: float | None = None, request_id: str = "") -> Health:
        """What the service says of itself, also while it is not serving. CrossrankNotFound for an unknown name."""
        return await self._ask(rpcs.health(service), timeout_s, request_id)

    async def _ask(self, rpc: Rpc[Answer], timeout_s: float | None, request_id: str) -> Answer:
        call = self._policy.call(rpc.method, timeout_s, request_id)
        channel = self._health_channel if rpc.method == rpcs.HEALTH else self._channel
        method: grpc.aio.UnaryUnaryMultiCallable[Any, Any] = channel.unary_unary(
            rpc.method, type(rpc.request).SerializeToString, rpc.response.FromString
        )
        with call.typed_errors():
            return rpc.read(await method(rpc.request, timeout=call.timeout_s, metadata=call.metadata))

    async def _upload(
        self, kind: Kind[Entry, Counts], values: object, timeout_s: float | None, request_id: str
    ) -> Counts:
        upload = Upload(kind, self._max_request_bytes)
        async for value in _each(kind.field, values):
            for rpc in upload.add(value):
                upload.count(await self._ask(rpc, timeout_s, request_id))
        for rpc in upload.rest():
            upload.count(await self._ask(rpc, timeout_s, request_id))
        return upload.total


async def _each(field: str, values: object) -> AsyncIterator[object]:
    if isinstance(values, AsyncIterable):
        async for one in values:
            yield one
    else:
        for one in several(field, values):
            yield one
