"""Whatever Redis does, a caller gets right scores or none, and soon; and the metrics say why there were none."""

import asyncio
import os
import signal
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from redis.asyncio import Redis

from deploy.local.process.part import RunningPart
from gateway.cache.redis import CONNECTIONS, PREFIX, RedisLimits, RedisScoreCache
from tests.fakes.observers import SeenCaches

SLOW = RedisLimits(timeout_s=5.0, ttl_s=60.0)
HASTY = RedisLimits(timeout_s=0.02, ttl_s=60.0)
KEY, OTHER = b"0123456789abcdef", b"fedcba9876543210"


class Clock:
    """Stands until it is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def opened(url: str, limits: RedisLimits = SLOW) -> AsyncIterator[tuple[RedisScoreCache, SeenCaches, Clock]]:
    seen, clock = SeenCaches(), Clock()
    cache = RedisScoreCache(url, limits, seen, clock)
    try:
        yield cache, seen, clock
    finally:
        await cache.close()


@contextmanager
def frozen(server: RunningPart) -> Iterator[None]:
    assert server.pid
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


async def test_gateways_share_what_one_of_them_learnt(redis_url: str) -> None:
    async with opened(redis_url) as (one, _, _), opened(redis_url) as (another, seen, _):
        await one.put_many({KEY: 0.1, OTHER: -2.5})
        (shared,) = (await another.get_many([KEY])).values()
        assert shared == struct.unpack("<f", struct.pack("<f", 0.1))[0], "kept as the float32 that the model gave"
        assert not seen.faults


async def test_a_score_is_kept_for_its_time_to_live(redis_url: str) -> None:
    async with opened(redis_url) as (cache, _, _), Redis.from_url(redis_url) as client:
        await cache.put_many({KEY: 1.0})
        left_ms = await client.pttl(PREFIX + KEY)
        assert 0 < left_ms <= SLOW.ttl_s * 1000


NOT_OF_KEY = struct.pack("<f4s", 1.5, OTHER[-4:])
NO_NUMBER = struct.pack("<f4s", float("nan"), KEY[-4:])


@pytest.mark.parametrize("value", [b"", b"1.5", struct.pack("<d", 1.5), NOT_OF_KEY, NO_NUMBER])
async def test_a_value_that_is_not_of_this_key_is_a_miss(redis_url: str, value: bytes) -> None:
    async with opened(redis_url) as (cache, _, _), Redis.from_url(redis_url) as client:
        await client.set(PREFIX + KEY, value)
        assert await cache.get_many([KEY]) == {}


async def test_a_key_that_holds_something_else_than_a_text_is_a_miss(redis_url: str) -> None:
    async with opened(redis_url) as (cache, seen, _), Redis.from_url(redis_url) as client:
        await client.delete(PREFIX + KEY)
        await client.lpush(PREFIX + KEY, b"x")
        await cache.put_many({OTHER: 1.0})
        assert await cache.get_many([KEY, OTHER]) == {OTHER: 1.0}
        assert not seen.faults


async def test_a_redis_that_is_away_knows_nothing_and_takes_nothing(fragile_redis: RunningPart) -> None:
    async with opened(fragile_redis.part.url) as (cache, seen, clock):
        await cache.put_many({KEY: 1.0})
        fragile_redis.stop()
        assert await cache.get_many([KEY]) == {}
        clock.now += SLOW.rest_s
        await cache.put_many({KEY: 1.0})
        assert seen.faults == {("redis", "read", "error"): 1, ("redis", "write", "error"): 1}


async def test_a_frozen_redis_holds_nobody_beyond_the_time_out(fragile_redis: RunningPart) -> None:
    async with opened(fragile_redis.part.url, HASTY) as (cache, seen, clock):
        with frozen(fragile_redis):
            async with asyncio.timeout(10):
                assert await cache.get_many([KEY]) == {}
                clock.now += HASTY.rest_s
                await cache.put_many({KEY: 1.0})
        assert seen.faults == {("redis", "read", "timeout"): 1, ("redis", "write", "timeout"): 1}


async def test_a_write_may_take_longer_than_anybody_waits_for_an_answer(
    fragile_redis: RunningPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cache.redis.WRITE_S", 60.0)  # however busy this machine is
    url = fragile_redis.part.url
    async with opened(url, HASTY) as (writer, seen, _), opened(url, HASTY) as (hasty, late, _), opened(url) as patient:
        with frozen(fragile_redis):
            write = asyncio.create_task(writer.put_many({KEY: 3.0}))
            assert await hasty.get_many([KEY]) == {}
            assert late.faults == {("redis", "read", "timeout"): 1}
        await write
        assert not seen.faults
        assert await patient[0].get_many([KEY]) == {KEY: 3.0}


async def test_more_readers_than_connections_all_get_their_answers(redis_url: str) -> None:
    keys = [bytes([number]) * 16 for number in range(8 * CONNECTIONS)]
    async with opened(redis_url) as (cache, seen, _):
        await cache.put_many({key: float(number) for number, key in enumerate(keys)})
        found = await asyncio.gather(*(cache.get_many([key]) for key in keys))
        assert found == [{key: float(number)} for number, key in enumerate(keys)]
        assert not seen.faults


async def test_a_reader_that_finds_no_free_connection_misses_and_others_go_on(
    fragile_redis: RunningPart, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cache.redis.WRITE_S", 60.0)
    monkeypatch.setattr("gateway.cache.redis.CONNECTIONS", 1)
    async with opened(fragile_redis.part.url, HASTY) as (cache, seen, _):
        with frozen(fragile_redis):
            write = asyncio.create_task(cache.put_many({KEY: 3.0}))
            await asyncio.sleep(0)
            assert await cache.get_many([KEY]) == {}
        await write
        assert seen.faults == {("redis", "read", "busy"): 1}, "nobody rests"


async def test_after_a_fault_nobody_waits_until_the_rest_is_over(fragile_redis: RunningPart) -> None:
    async with opened(fragile_redis.part.url, HASTY) as (cache, seen, clock):
        with frozen(fragile_redis):
            await cache.get_many([KEY])
            await cache.get_many([KEY])
            await cache.put_many({KEY: 1.0})
        assert seen.faults == {
            ("redis", "read", "timeout"): 1,
            ("redis", "read", "resting"): 1,
            ("redis", "write", "resting"): 1,
        }
        clock.now += HASTY.rest_s
        async with asyncio.timeout(10):  # on a busy machine the first question may be late again
            while await cache.get_many([OTHER]) != {OTHER: 2.0}:
                await cache.put_many({OTHER: 2.0})
                clock.now += HASTY.rest_s


async def test_readers_that_give_up_leave_no_answer_for_the_next_one(redis_url: str) -> None:
    keys = [bytes([number]) * 16 for number in range(200)]
    async with opened(redis_url) as (cache, seen, _):
        await cache.put_many({key: float(number) for number, key in enumerate(keys)})
        for number, key in enumerate(keys):
            given_up = asyncio.create_task(cache.get_many(keys))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            given_up.cancel()
            assert await cache.get_many([key]) == {key: float(number)}
        assert not seen.faults


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="scheme"):
        RedisScoreCache("localhost:6379", SLOW, SeenCaches())
