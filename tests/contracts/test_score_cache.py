"""The contract of every ScoreCache: what was put is found, bad numbers are not kept, a full one forgets the oldest."""

import math
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from gateway.cache.counted import CountedScoreCache
from gateway.cache.local import LocalScoreCache
from gateway.cache.redis import RedisLimits, RedisScoreCache
from gateway.cache.tiered import TieredScoreCache
from gateway.ports import ScoreCache
from tests.fakes.observers import SeenCaches


@pytest.fixture
def near() -> ScoreCache:
    return CountedScoreCache("local", LocalScoreCache(100), SeenCaches())


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[RedisScoreCache]:
    seen = SeenCaches()
    async with Redis.from_url(redis_url) as client:
        await client.flushdb()
    cache = RedisScoreCache(redis_url, RedisLimits(timeout_s=5.0, ttl_s=60.0), seen)
    yield cache
    await cache.close()
    assert not seen.faults


@pytest.fixture
async def tiered(near: ScoreCache, redis: RedisScoreCache) -> AsyncIterator[ScoreCache]:
    cache = TieredScoreCache(near, redis)
    yield cache
    await cache.close()


@pytest.fixture(
    params=["near", *(pytest.param(name, marks=pytest.mark.whole) for name in ("redis", "tiered"))],
)
def cache(request: pytest.FixtureRequest) -> ScoreCache:
    """The cache under contract, empty."""
    found: ScoreCache = request.getfixturevalue(request.param)
    return found


async def test_what_was_put_is_found_and_the_rest_is_missing(cache: ScoreCache) -> None:
    await cache.put_many({b"a": 1.5, b"b": -2.0})
    assert await cache.get_many([b"a", b"b", b"c"]) == {b"a": 1.5, b"b": -2.0}


async def test_zero_is_a_score_like_any_other(cache: ScoreCache) -> None:
    await cache.put_many({b"zero": 0.0})
    assert await cache.get_many([b"zero"]) == {b"zero": 0.0}


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
async def test_numbers_that_are_not_finite_are_never_kept(cache: ScoreCache, bad: float) -> None:
    await cache.put_many({b"bad": bad, b"good": 1.0})
    assert await cache.get_many([b"bad", b"good"]) == {b"good": 1.0}


async def test_a_later_put_replaces_an_earlier_one(cache: ScoreCache) -> None:
    await cache.put_many({b"a": 1.0})
    await cache.put_many({b"a": 2.0})
    assert await cache.get_many([b"a"]) == {b"a": 2.0}


async def test_asking_for_nothing_gives_nothing(cache: ScoreCache) -> None:
    assert await cache.get_many([]) == {}


async def test_a_full_local_cache_forgets_what_was_used_least_recently() -> None:
    cache = LocalScoreCache(2)
    await cache.put_many({b"a": 1.0, b"b": 2.0})
    await cache.get_many([b"a"])
    await cache.put_many({b"c": 3.0})
    assert await cache.get_many([b"a", b"b", b"c"]) == {b"a": 1.0, b"c": 3.0}
    assert len(cache) == 2


async def test_a_local_cache_without_room_keeps_nothing() -> None:
    cache = LocalScoreCache(0)
    await cache.put_many({b"a": 1.0})
    assert await cache.get_many([b"a"]) == {}
