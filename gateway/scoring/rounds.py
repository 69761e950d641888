"""Asks every endpoint again and again for a proof that it is right: whoever fails gets no more requests until it gives
one. Knows no model; what a proof is, the heirs say."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog

from gateway.domain.background import in_background
from gateway.domain.errors import CrossrankError, DeadlineTooShort, ModelMismatch
from gateway.scoring.endpoints import Endpoint, Endpoints

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RoundTimes:
    """How often endpoints are asked, and for how long a server may answer nobody before a late proof counts as a
    fault."""

    interval_s: float
    patience_s: float


class Rounds(ABC):
    """Over all endpoints of one model, whose name is for people."""

    def __init__(self, endpoints: Endpoints, model: str, times: RoundTimes) -> None:
        self._endpoints = endpoints
        self._model = model
        self._times = times
        self._wake = asyncio.Event()
        endpoints.on_ejection = self._wake.set

    @abstractmethod
    async def prove(self, endpoint: Endpoint) -> None:
        """Returns once the endpoint proved to be right. Raises whatever keeps it from being shown."""

    async def run(self) -> None:
        """Rounds forever; an ejection starts one at once. Cancel to stop."""
        while True:
            self._wake.clear()
            try:
                with whatever_is_raised():
                    await self.verify_all()
            except CrossrankError:  # the rounds must go on
                log.exception("verification_round_failed")
            try:
                await asyncio.wait_for(self._wake.wait(), self._times.interval_s)
                await asyncio.sleep(self._times.interval_s / 5)
            except TimeoutError:
                continue

    async def verify_all(self) -> None:
        """One round over all endpoints; faults end up in the endpoints, never here."""
        await asyncio.gather(*(self._verify(endpoint) for endpoint in self._endpoints.all))

    async def _verify(self, endpoint: Endpoint) -> None:
        if not endpoint.usable and endpoint.in_flight:
            # A dead instance of the server may be busy failing one of the calls from before the ejection, and would
            # leave the proof to those that live. A server that nobody else asks gives each instance its turn.
            return
        began_at = self._endpoints.clock()
        try:
            with whatever_is_raised():
                await self.prove(endpoint)
        except DeadlineTooShort as fault:
            # A late proof says "busy" as long as the server answers anybody; silence says "broken".
            answered_at = max(endpoint.last_answer_at, endpoint.last_right_at)
            if not endpoint.usable or self._endpoints.clock() - answered_at > self._times.patience_s:
                self._reject(endpoint, fault.message)
            if answered_at <= began_at:  # perhaps only the connection is broken: whoever asks next finds out
                await endpoint.connection.reconnect()
        except CrossrankError as fault:
            self._reject(endpoint, fault.message)
        else:
            if not endpoint.usable:
                told = {"url": endpoint.connection.url, "versions": sorted(endpoint.verified)}
                log.info("endpoint_verified", model=self._model, **told)
            self._endpoints.admit(endpoint)

    def _reject(self, endpoint: Endpoint, fault: str) -> None:
        if endpoint.usable or endpoint.fault != fault:
            log.warning("endpoint_rejected", model=self._model, url=endpoint.connection.url, fault=fault)
        self._endpoints.eject(endpoint, fault)
        endpoint.fault = fault
        endpoint.verified.clear()


@asynccontextmanager
async def renewed(rounds: Rounds) -> AsyncIterator[None]:
    """One round before the block, with or without success, and then again and again while it runs."""
    await rounds.verify_all()
    async with in_background(rounds.run()):
        yield


@contextmanager
def whatever_is_raised() -> Iterator[None]:
    """Becomes ModelMismatch where it is no error of ours: files and answers may be odd in ways nobody foresaw, and that
    is the fault of one version, endpoint or round and of no other."""
    try:
        yield
    except CrossrankError:
        raise
    except Exception as fault:
        raise ModelMismatch(f"{type(fault).__name__}: {fault}") from fault
