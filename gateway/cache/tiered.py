"""Two score caches as one: the near one is asked first and learns what the far one knew. Knows neither's kind."""

import asyncio
from collections.abc import Mapping, Sequence

from gateway.ports import ScoreCache


class TieredScoreCache:
    """ScoreCache. Nobody waits for the far tier's writes; call ``close`` to let the last ones end."""

    def __init__(self, near: ScoreCache, far: ScoreCache) -> None:
        self._near = near
        self._far = far
        self._writes: set[asyncio.Task[None]] = set()

    async def get_many(self, keys: Sequence[bytes]) -> Mapping[bytes, float]:
        """The logits that either tier knows."""
        found = dict(await self._near.get_many(keys))
        missing = [key for key in dict.fromkeys(keys) if key not in found]
        if missing:
            shared = await self._far.get_many(missing)
            await self._near.put_many(shared)
            found |= shared
        return found

    async def put_many(self, logits: Mapping[bytes, float]) -> None:
        """Remembers finite logits in both."""
        await self._near.put_many(logits)
        if logits:
            write = asyncio.create_task(self._far.put_many(dict(logits)))
            self._writes.add(write)
            write.add_done_callback(self._writes.discard)

    async def close(self) -> None:
        """Waits for the writes that have begun."""
        if self._writes:
            await asyncio.wait(self._writes)
