"""The score cache that all gateways share, on Redis. Knows no model and no keys' meaning.

Redis may be away, slow or full of other things: all of that is a miss and a metric, never an error and never a wait
longer than its own time-out.
"""

import asyncio
import math
import struct
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from gateway.ports import CacheObserver

Answer = TypeVar("Answer")
TIER = "redis"
PREFIX = b"crossrank:"
"""Before every key: the server may hold more than scores."""

WRITE_S = 1.0
"""Longest wait for a write, which nobody waits for (gateway/cache/tiered.py): a busy processor must not lose scores."""

REST_TIMEOUTS = 10
"""After a fault Redis is not asked for so many time-outs: one that is silent costs readers a tenth of their time, and
one question that was late on a busy processor costs few hits."""

CONNECTIONS = 32
"""At most; Redis works on one question at a time. Who finds all of them busy waits half of its time for one."""

_ECHO_BYTES = 4
_VALUE = struct.Struct(f"<f{_ECHO_BYTES}s")
"""The logit, float32, and the end of its key: an answer that belongs to another question must not pass as a score, and
a connection whose reader was cancelled may hold one."""


@dataclass(frozen=True, slots=True)
class RedisLimits:
    """How long one question may take, and how long a score is kept."""

    timeout_s: float
    ttl_s: float

    @property
    def rest_s(self) -> float:
        """How long Redis is not asked after a fault."""
        return REST_TIMEOUTS * self.timeout_s


class RedisScoreCache:
    """ScoreCache on one Redis. Call ``close`` when done. Raises ValueError for a URL that is none."""

    def __init__(
        self, url: str, limits: RedisLimits, observer: CacheObserver, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = Redis.from_url(url, retry=Retry(NoBackoff(), 0), max_connections=CONNECTIONS)
        self._connections = asyncio.Semaphore(CONNECTIONS)
        self._limits = limits
        self._observer = observer
        self._clock = clock
        self._rests_until = -math.inf

    async def get_many(self, keys: Sequence[bytes]) -> Mapping[bytes, float]:
        """The logits known; none when Redis does not answer in time."""
        if not keys or self._rests("read"):
            return {}
        names = [PREFIX + key for key in keys]
        values = await self._ask("read", self._limits.timeout_s, lambda: self._client.mget(names)) or ()
        found = ((key, _logit(key, value)) for key, value in zip(keys, values, strict=False))
        return {key: logit for key, logit in found if logit is not None}

    async def put_many(self, logits: Mapping[bytes, float]) -> None:
        """Keeps finite logits for the time to live; drops others, and all when Redis does not take them in WRITE_S."""
        finite = {key: logit for key, logit in logits.items() if math.isfinite(logit)}
        if not finite or self._rests("write"):
            return
        lifetime_ms = max(1, round(self._limits.ttl_s * 1000))
        pipeline = self._client.pipeline(transaction=False)
        for key, logit in finite.items():
            pipeline.set(PREFIX + key, _VALUE.pack(logit, key[-_ECHO_BYTES:]), px=lifetime_ms)
        async with pipeline:
            await self._ask("write", WRITE_S, pipeline.execute)

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.aclose()

    async def _ask(self, operation: str, seconds: float, question: Callable[[], Awaitable[Answer]]) -> Answer | None:
        """None when Redis does not answer in time, or no connection gets free: then it is not at fault."""
        ends_at = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(ends_at - seconds / 2):
                await self._connections.acquire()
        except TimeoutError:
            self._observer.cache_failed(TIER, operation, "busy")
            return None
        try:
            async with asyncio.timeout_at(ends_at):
                return await question()
        except (RedisError, OSError) as fault:
            self._failed(operation, fault)
            return None
        finally:
            self._connections.release()

    def _rests(self, operation: str) -> bool:
        rests = self._clock() < self._rests_until
        if rests:
            self._observer.cache_failed(TIER, operation, "resting")
        return rests

    def _failed(self, operation: str, fault: Exception) -> None:
        self._rests_until = self._clock() + self._limits.rest_s
        self._observer.cache_failed(TIER, operation, "timeout" if isinstance(fault, TimeoutError) else "error")


def _logit(key: bytes, value: object) -> float | None:
    """The logit in a value, if the value is one of this key."""
    if not isinstance(value, bytes) or len(value) != _VALUE.size:
        return None
    logit, echo = _VALUE.unpack(value)
    return float(logit) if echo == key[-_ECHO_BYTES:].ljust(_ECHO_BYTES, b"\0") and math.isfinite(logit) else None
