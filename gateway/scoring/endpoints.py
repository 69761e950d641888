"""Which Triton endpoints may be used: the least busy of those that gave a recent right answer. Knows no wire format."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from gateway.domain.errors import DependencyUnavailable, ModelAnswerInvalid, ModelOverloaded, ModelUnavailable
from gateway.scoring.triton import Inference, ModelConfiguration, Tensor


class Connection(Protocol):
    """One model server. Raises ModelUnavailable, ModelOverloaded, DeadlineTooShort, ModelAnswerInvalid."""

    @property
    def url(self) -> str:
        """Where it is, for people."""

    async def infer(self, inference: Inference) -> Tensor:
        """The output tensor."""

    async def versions(self, model: str, timeout_s: float) -> list[str]:
        """Versions loaded, oldest first."""

    async def configuration(self, model: str, timeout_s: float) -> ModelConfiguration:
        """What the server was told of the model."""

    async def reconnect(self) -> None:
        """Calls from now on go over a fresh connection."""


@dataclass(slots=True)
class Endpoint:
    """One Triton and what is known of it. ``verified`` are the versions whose golden pairs it answered rightly,
    ``wanted`` the one that its configuration wants served, ``refusal`` why a wanted one was last not taken."""

    connection: Connection
    usable: bool = False
    in_flight: int = 0
    last_right_at: float = 0.0
    last_answer_at: float = 0.0
    fault: str = "not verified yet"
    wanted: str = ""
    refusal: str = ""
    verified: set[str] = field(default_factory=set)


class Endpoints:
    """Routes inferences; ejects an endpoint at a fault that is not the request's own. Verification re-admits."""

    def __init__(self, connections: Sequence[Connection], clock: Callable[[], float] = time.monotonic) -> None:
        self.all = [Endpoint(connection) for connection in connections]
        self.clock = clock
        self.on_ejection: Callable[[], None] = lambda: None

    async def infer(self, inference: Inference) -> Tensor:
        """The answer of one endpoint; a second one is tried when the first turns out to be away or to answer nonsense.

        Raises ModelUnavailable (none usable), ModelOverloaded, DeadlineTooShort, ModelAnswerInvalid.
        """
        first = self._pick(inference.version, excluded=None)
        try:
            return await self._infer_at(first, inference)
        except ModelOverloaded:
            raise
        except (ModelUnavailable, ModelAnswerInvalid):
            return await self._infer_at(self._pick(inference.version, excluded=first), inference)

    def eject(self, endpoint: Endpoint, fault: str) -> None:
        """No more requests for this endpoint until it is verified again."""
        if endpoint.usable:
            endpoint.usable = False
            endpoint.fault = fault
            endpoint.verified.clear()
            self.on_ejection()

    def admit(self, endpoint: Endpoint) -> None:
        """The endpoint gave a right answer now."""
        endpoint.usable = True
        endpoint.fault = ""
        endpoint.last_right_at = self.clock()

    def right_within(self, seconds: float) -> bool:
        """Some endpoint gave a right answer not longer ago than that."""
        return any(one.usable and self.clock() - one.last_right_at <= seconds for one in self.all)

    async def _infer_at(self, endpoint: Endpoint, inference: Inference) -> Tensor:
        endpoint.in_flight += 1
        try:
            answer = inference.checked(await endpoint.connection.infer(inference))
        except ModelOverloaded:
            raise
        except (DependencyUnavailable, ModelAnswerInvalid) as fault:
            self.eject(endpoint, fault.message)
            raise
        finally:
            endpoint.in_flight -= 1
        endpoint.last_answer_at = self.clock()
        return answer

    def _pick(self, version: str, excluded: Endpoint | None) -> Endpoint:
        usable = [
            one for one in self.all if one is not excluded and one.usable and (not version or version in one.verified)
        ]
        if not usable:
            unproved = f"version {version} is not verified there"
            faults = "; ".join(
                f"{one.connection.url}: {one.fault or ('failed now' if one is excluded else unproved)}"
                for one in self.all
            )
            raise ModelUnavailable(f"no model server gives right answers ({faults})")
        return min(usable, key=lambda one: one.in_flight)
