"""Waits for models that are away or busy, as long as a budget lasts: long work outlives a restart. Knows no model."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from gateway.domain.budget import Budget
from gateway.domain.errors import ModelUnavailable
from gateway.ports import Embedder, Embeddings

Result = TypeVar("Result")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0


async def patiently(work: Callable[[], Awaitable[Result]], budget: Budget) -> Result:
    """The result of ``work``, tried again after ModelUnavailable and ModelOverloaded, with pauses that double.

    Raises the last of these faults when the budget does not last for another try, and any other fault at once.
    """
    pause_s = _FIRST_PAUSE_S
    while True:
        try:
            return await work()
        except ModelUnavailable:
            if budget.left_s <= pause_s:
                raise
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)


class PatientEmbedder:
    """An Embedder that tries again; counts the texts it had embedded."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self.embedded = 0

    async def embed(self, texts: Sequence[str], budget: Budget) -> Embeddings:
        """As the embedder within. Raises what it raises, ModelUnavailable only at the end of the budget."""
        vectors = await patiently(lambda: self._embedder.embed(texts, budget), budget)
        self.embedded += len(texts)
        return vectors
