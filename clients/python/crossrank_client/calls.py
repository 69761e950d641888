"""One call to the service: its deadline, its request id, its typed errors. Knows no message of the API."""

import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import grpc

from crossrank_client.channel import ServiceConfig
from crossrank_client.errors import error_of

Request = TypeVar("Request")
Response = TypeVar("Response")
Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A call about to be made: the deadline always goes to the service, and so does an id to find it in the logs."""

    timeout_s: float
    request_id: str
    metadata: Metadata

    async def unary(self, rpc: "grpc.aio.UnaryUnaryMultiCallable[Request, Response]", request: Request) -> Response:
        """The answer. Raises CrossrankCallError."""
        with typed_errors(self.request_id):
            return await rpc(request, timeout=self.timeout_s, metadata=self.metadata)

    async def stream(
        self, rpc: "grpc.aio.UnaryStreamMultiCallable[Request, Response]", request: Request
    ) -> AsyncIterator[Response]:
        """The answers as they come; leaving the loop cancels the call. Raises CrossrankCallError."""
        running = rpc(request, timeout=self.timeout_s, metadata=self.metadata)
        try:
            with typed_errors(self.request_id):
                async for response in running:
                    yield response
        finally:
            running.cancel()


class Caller:
    """Prepares calls: a timeout of the call's own, else the client's, else the service config's."""

    def __init__(
        self, service_config: ServiceConfig, timeout_s: float | None, metadata: Sequence[tuple[str, str]]
    ) -> None:
        self._service_config = service_config
        self._timeout_s = timeout_s
        self._metadata = tuple(metadata)

    def call(self, method: str, timeout_s: float | None, request_id: str) -> Call:
        """A call of "/service/Method". ValueError for a timeout that no answer can meet."""
        chosen_s = next(
            one for one in (timeout_s, self._timeout_s, self._service_config.timeout_s(method)) if one is not None
        )
        if not chosen_s > 0:
            raise ValueError(f"timeout_s is {chosen_s}; it must be above 0 seconds")
        request_id = request_id or uuid.uuid4().hex
        return Call(chosen_s, request_id, (*self._metadata, ("x-request-id", request_id)))


@contextmanager
def typed_errors(request_id: str) -> Iterator[None]:
    """Turns gRPC errors into CrossrankCallErrors."""
    try:
        yield
    except grpc.aio.AioRpcError as error:
        raise error_of(error, request_id) from error
