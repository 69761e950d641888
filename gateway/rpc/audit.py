"""The audit log: one line for each call of a method that writes, with who called and how it ended. Never a text, an id
of an item, or a credential. Knows no service: the table of roles says what writes."""

from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from gateway.identity.roles import access_to
from gateway.rpc.outcomes import Outcome

_log = structlog.get_logger("audit")


@dataclass(slots=True)
class Audit:
    """What is known of a call so far. ``writes``: the field of its requests that is counted; empty: none."""

    writes: str
    caller: str = ""
    items: int = 0

    def see(self, request: Any) -> None:
        """Counts what a request asks to write."""
        if self.writes:
            self.items += len(getattr(request, self.writes))


@contextmanager
def audited(method: str, outcome: Outcome) -> Iterator[Audit]:
    """Writes the line when the block ends, whichever way; ``items`` is what was asked, the request id is bound."""
    audit = Audit(access_to(method).writes)
    try:
        yield audit
    finally:
        if audit.writes:
            _log.info(
                "write",
                caller=audit.caller,
                method=method,
                items=audit.items,
                outcome=outcome.code.name,
                reason=outcome.reason,
            )


def one(request: Any, audit: Audit) -> Any:
    """The request, seen."""
    audit.see(request)
    return request


async def each(requests: AsyncIterable[Any], audit: Audit) -> AsyncIterator[Any]:
    """The requests of a stream, seen one after the other."""
    async for request in requests:
        yield one(request, audit)
