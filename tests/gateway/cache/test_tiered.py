"""The near tier answers first, learns what the far one knew, and never waits for its writes."""

import asyncio
from collections.abc import Mapping, Sequence

from gateway.cache.counted import CountedScoreCache
from gateway.cache.local import LocalScoreCache
from gateway.cache.tiered import TieredScoreCache
from tests.fakes.observers import SeenCaches


class Far(LocalScoreCache):
    """Remembers what it was asked and given; writes only when ``gate`` is open."""

    def __init__(self) -> None:
        super().__init__(100)
        self.asked: list[list[bytes]] = []
        self.given: list[Mapping[bytes, float]] = []
        self.gate = asyncio.Event()

    async def get_many(self, keys: Sequence[bytes]) -> Mapping[bytes, float]:
        self.asked.append(list(keys))
        return await super().get_many(keys)

    async def put_many(self, logits: Mapping[bytes, float]) -> None:
        self.given.append(logits)
        await self.gate.wait()
        await super().put_many(logits)


async def test_only_what_the_near_tier_lacks_is_asked_of_the_far_one_and_once() -> None:
    near, far = LocalScoreCache(100), Far()
    far.gate.set()
    await near.put_many({b"a": 1.0})
    await far.put_many({b"b": 2.0})
    cache = TieredScoreCache(near, far)
    keys = [b"a", b"b", b"c", b"b"]
    assert await cache.get_many(keys) == {b"a": 1.0, b"b": 2.0}
    assert far.asked == [[b"b", b"c"]]
    assert await near.get_many([b"b"]) == {b"b": 2.0}, "learnt"
    await cache.get_many([b"a", b"b"])
    assert len(far.asked) == 1


async def test_a_write_goes_to_both_and_waits_for_the_near_one_only() -> None:
    near, far = LocalScoreCache(100), Far()
    cache = TieredScoreCache(near, far)
    logits = {b"a": 1.0}
    await cache.put_many(logits)
    logits.clear()
    assert await near.get_many([b"a"]) == {b"a": 1.0}
    assert len(far) == 0
    far.gate.set()
    await cache.close()
    assert await far.get_many([b"a"]) == {b"a": 1.0}, "what was given, whatever became of the mapping"


async def test_nothing_to_write_starts_nothing() -> None:
    far = Far()
    far.gate.set()
    cache = TieredScoreCache(LocalScoreCache(100), far)
    for logits in ({}, {b"a": 1.0}, {}):
        await cache.put_many(logits)
    await cache.close()
    assert far.given == [{b"a": 1.0}]


async def test_each_tier_counts_what_it_was_asked() -> None:
    seen = SeenCaches()
    near, far = LocalScoreCache(100), LocalScoreCache(100)
    await near.put_many({b"a": 1.0})
    await far.put_many({b"b": 2.0})
    cache = TieredScoreCache(CountedScoreCache("local", near, seen), CountedScoreCache("redis", far, seen))
    await cache.get_many([b"a", b"b", b"c"])
    assert seen.lookups == {("local", "hit"): 1, ("local", "miss"): 2, ("redis", "hit"): 1, ("redis", "miss"): 1}
