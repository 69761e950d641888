"""The synchronous client: the asynchronous one's methods, for callers without an event loop."""

from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from functools import wraps
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar

import grpc

from crossrank_client import uploads
from crossrank_client.caller import Caller
from crossrank_client.catalog import Interaction, Item, RecordCounts, UpsertCounts
from crossrank_client.checks import several
from crossrank_client.client import CrossrankClient

Given = ParamSpec("Given")
Result = TypeVar("Result")


def _result(work: Coroutine[Any, Any, Result]) -> Result:
    """Of a coroutine of a Caller on channels of threads, which has it when it first returns."""
    try:
        work.send(None)
    except StopIteration as end:
        found: Result = end.value
        return found
    raise RuntimeError("the call waits for an event loop; there is none")


def _blocking(
    method: Callable[Concatenate[Any, Given], Coroutine[Any, Any, Result]],
) -> Callable[Concatenate["SyncCrossrankClient", Given], Result]:
    """A method of the asynchronous client, which returns when its answer is there."""

    @wraps(method)
    def call(self: "SyncCrossrankClient", /, *given: Given.args, **named: Given.kwargs) -> Result:
        return _result(method(self, *given, **named))

    return call


def _blocking_each(
    method: Callable[Concatenate[Any, Given], AsyncGenerator[Result, None]],
) -> Callable[Concatenate["SyncCrossrankClient", Given], Iterator[Result]]:
    """As ``_blocking``, for a method that gives one answer after the other."""

    @wraps(method)
    def call(self: "SyncCrossrankClient", /, *given: Given.args, **named: Given.kwargs) -> Iterator[Result]:
        answers = method(self, *given, **named)
        try:
            while True:
                yield _result(answers.__anext__())
        except StopAsyncIteration:
            return
        finally:
            _result(answers.aclose())

    return call


class SyncCrossrankClient(Caller):
    """As CrossrankClient, without an event loop: every call waits for its answer. Threads may share one client.

    Arguments, timeouts, retries and errors are those of CrossrankClient. A process that forks makes its clients
    afterwards.
    """

    _channels: ClassVar[Any] = grpc

    def __enter__(self) -> "SyncCrossrankClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    close = _blocking(CrossrankClient.close)
    rerank = _blocking(CrossrankClient.rerank)
    recommend = _blocking(CrossrankClient.recommend)
    similar_items = _blocking(CrossrankClient.similar_items)
    recommend_stream = _blocking_each(CrossrankClient.recommend_stream)
    get_info = _blocking(CrossrankClient.get_info)
    delete_items = _blocking(CrossrankClient.delete_items)
    get_items = _blocking(CrossrankClient.get_items)
    list_items = _blocking_each(CrossrankClient.list_items)
    health = _blocking(CrossrankClient.health)

    def upsert_items(
        self, items: Iterable[Item], *, timeout_s: float | None = None, request_id: str = ""
    ) -> UpsertCounts:
        """Inserts or replaces any number of items, batch by batch; ``timeout_s`` is that of one batch.

        A batch is written whole or not at all; when one fails, those before it are written.
        """
        return _result(self._upload(uploads.ITEMS, several("items", items), timeout_s, request_id))

    def record_interactions(
        self, interactions: Iterable[Interaction], *, timeout_s: float | None = None, request_id: str = ""
    ) -> RecordCounts:
        """Stores any number of interactions, batch by batch, each whole or not at all (up to 1000 are one batch);
        ``timeout_s`` is that of one batch. Sending them again changes nothing where they have their ``time``; the
        client's own retries never store one twice."""
        given = several("interactions", interactions)
        return _result(self._upload(uploads.INTERACTIONS, given, timeout_s, request_id))
