"""Requests that are no valid protobuf become InvalidRequest instead of an unexplained UNKNOWN. Knows no service."""

from collections.abc import AsyncIterable, AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from gateway.domain.errors import InvalidRequest, Violation


@dataclass(frozen=True, slots=True)
class Malformed:
    """Stands for a request that could not be parsed, until the handler is entered."""

    size_bytes: int


def guarded(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """A deserializer that returns Malformed where the given one raises: gRPC would answer UNKNOWN with a traceback."""

    def deserialize_or_mark(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return Malformed(len(data))

    return deserialize_or_mark


def one(request: Any) -> Any:
    """The request itself. Raises InvalidRequest when it is Malformed."""
    if isinstance(request, Malformed):
        raise InvalidRequest(
            Violation(
                "",
                f"received {request.size_bytes} bytes that are not a request message of this method; every text must "
                "be valid UTF-8: generate the client from the published .proto files",
            )
        )
    return request


async def each(requests: AsyncIterable[Any]) -> AsyncIterator[Any]:
    """The requests of a stream. Raises InvalidRequest at the first that is Malformed."""
    async for request in requests:
        yield one(request)
