"""The synchronous client: the asynchronous one's methods, for callers without an event loop."""

from collections.abc import Iterable, Iterator, Sequence
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
    open_channel,
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


class SyncCrossrankClient:
    """As CrossrankClient, without an event loop: every call waits for its answer. Threads may share one client.

    Arguments, timeouts, retries and errors are those of CrossrankClient. A process that forks makes its clients
    afterwards.
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
        self._channel = open_channel(target, credentials, channel_options(service_config))
        self._health_channel = open_channel(target, credentials, health_channel_options())

    def __enter__(self) -> "SyncCrossrankClient":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends calls in flight and closes the connections."""
        self._channel.close()
        self._health_channel.close()

    def rerank(
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
        return self._policy.accept(self._ask(rpc, timeout_s, request_id))

    def recommend(
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
        return self._policy.accept(self._ask(rpc, timeout_s, request_id))

    def similar_items(
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
        return self._policy.accept(self._ask(rpc, timeout_s, request_id))

    def recommend_stream(
        self,
        context: Context | Subject,
        *,
        candidates: CandidateOptions = _ALL_SOURCES,
        options: RankingOptions = _DEFAULTS,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> Iterator[StreamedList]:
        """The first-stage order at once, then the re-ranked list; leaving the loop cancels the call. Only the latter
        raises CrossrankDegraded."""
        rpc = rpcs.recommend_stream(context, candidates, options)
        call = self._policy.call(rpc.method, timeout_s, request_id)
        method = self._channel.unary_stream(rpc.method, type(rpc.request).SerializeToString, rpc.response.FromString)
        running: Any = method(rpc.request, timeout=call.timeout_s, metadata=call.metadata)
        try:
            with call.typed_errors():
                for message in running:
                    answer = rpc.read(message)
                    if answer.stage is ListStage.RERANKED:
                        self._policy.accept(answer.ranked)
                    yield answer
        finally:
            running.cancel()

    def get_info(self, *, timeout_s: float | None = None, request_id: str = "") -> ServiceInfo:
        """Limits, models and candidate sources of the service."""
        return self._ask(rpcs.get_info(), timeout_s, request_id)

    def upsert_items(
        self, items: Iterable[Item], *, timeout_s: float | None = None, request_id: str = ""
    ) -> UpsertCounts:
        """Inserts or replaces any number of items, batch by batch; ``timeout_s`` is that of one batch.

        A batch is written whole or not at all; when one fails, those before it are written.
        """
        return self._upload(uploads.ITEMS, items, timeout_s, request_id)

    def delete_items(
        self, item_ids: Iterable[str], *, timeout_s: float | None = None, request_id: str = ""
    ) -> DeleteCounts:
        """Deletes 1 to 1000 items."""
        return self._ask(rpcs.delete_items(item_ids), timeout_s, request_id)

    def get_items(self, item_ids: Iterable[str], *, timeout_s: float | None = None, request_id: str = "") -> FoundItems:
        """Reads 1 to 1000 items."""
        return self._ask(rpcs.get_items(item_ids), timeout_s, request_id)

    def list_items(
        self,
        *,
        filters: Sequence[Filter] = (),
        page_size: int = 0,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> Iterator[Item]:
        """All items that pass the filters, in order of id, fetched page by page; ``timeout_s`` is that of one page."""
        rpc = rpcs.list_items(filters, page_size)
        while True:
            items, token = self._ask(rpc, timeout_s, request_id)
            yield from items
            if not token:
                return
            rpc = rpcs.next_page(rpc, token)

    def record_interactions(
        self,
        interactions: Iterable[Interaction],
        *,
        timeout_s: float | None = None,
        request_id: str = "",
    ) -> RecordCounts:
        """Stores any number of interactions, batch by batch, each whole or not at all (up to 1000 are one batch);
        ``timeout_s`` is that of one batch. Sending them again changes nothing."""
        return self._upload(uploads.INTERACTIONS, interactions, timeout_s, request_id)

    def health(self, service: str = "", *, timeout_s: float | None = None, request_id: str = "") -> Health:
        """What the service says of itself, also while it is not serving. CrossrankNotFound for an unknown name."""
        return self._ask(rpcs.health(service), timeout_s, request_id)

    def _ask(self, rpc: Rpc[Answer], timeout_s: float | None, request_id: str) -> Answer:
        call = self._policy.call(rpc.method, timeout_s, request_id)
        channel = self._health_channel if rpc.method == rpcs.HEALTH else self._channel
        method: grpc.UnaryUnaryMultiCallable[Any, Any] = channel.unary_unary(
            rpc.method, type(rpc.request).SerializeToString, rpc.response.FromString
        )
        with call.typed_errors():
            return rpc.read(method(rpc.request, timeout=call.timeout_s, metadata=call.metadata))

    def _upload(self, kind: Kind[Entry, Counts], values: object, timeout_s: float | None, request_id: str) -> Counts:
        upload = Upload(kind, self._max_request_bytes)
        for value in several(kind.field, values):
            for rpc in upload.add(value):
                upload.count(self._ask(rpc, timeout_s, request_id))
        for rpc in upload.rest():
            upload.count(self._ask(rpc, timeout_s, request_id))
        return upload.total
