"""What holds for all calls of a client: deadline, request id, typed errors. Knows no message of the API."""

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

import grpc
from google.protobuf.message import Message

from crossrank_client.access import Metadata
from crossrank_client.channel import ServiceConfig
from crossrank_client.checks import refused
from crossrank_client.errors import CrossrankDegraded, FailedCall, error_of
from crossrank_client.results import RankedList

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Rpc(Generic[Answer]):
    """What is asked. ``read`` turns a ``response`` into frozen values."""

    method: str
    request: Message
    response: type[Message]
    read: Callable[..., Answer]


@dataclass(frozen=True, slots=True)
class Call:
    """A call about to be made: the deadline always goes to the service, and so does an id to find it in the logs."""

    timeout_s: float
    request_id: str
    metadata: Metadata = field(repr=False)

    @contextmanager
    def typed_errors(self) -> Iterator[None]:
        """Turns gRPC's errors into CrossrankCallErrors."""
        try:
            yield
        except grpc.RpcError as error:
            raise error_of(cast(FailedCall, error), self.request_id) from error


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """Prepares calls: a timeout of the call's own, else the client's, else the service config's."""

    service_config: ServiceConfig
    timeout_s: float | None
    metadata: Metadata | Callable[[], Metadata] = field(repr=False)
    raise_on_degraded: bool
    process: int = field(default_factory=os.getpid)

    def call(self, method: str, timeout_s: float | None, request_id: str) -> Call:
        """A call of "/service/Method". ValueError for a timeout that no answer can meet."""
        if self.process != os.getpid():  # gRPC's threads and connections stay behind in the parent: the call would hang
            raise RuntimeError(
                f"the client was made in process {self.process}: make one in {os.getpid()}, after the fork"
            )
        chosen_s = next(
            one for one in (timeout_s, self.timeout_s, self.service_config.timeout_s(method)) if one is not None
        )
        if not chosen_s > 0:
            raise ValueError(f"timeout_s is {chosen_s}; it must be above 0 seconds")
        request_id = request_id or uuid.uuid4().hex
        if not (isinstance(request_id, str) and request_id.isascii() and request_id.isprintable()):
            raise refused("request_id", request_id, "a text of printable ASCII characters")
        metadata = self.metadata() if callable(self.metadata) else self.metadata
        return Call(chosen_s, request_id, (*metadata, ("x-request-id", request_id)))

    def accept(self, ranked: RankedList) -> RankedList:
        """The list. Raises CrossrankDegraded where the caller asked to be told so."""
        if self.raise_on_degraded and ranked.degraded:
            raise CrossrankDegraded(ranked)
        return ranked
