"""Waits for models that are away or busy, as long as a budget lasts: long work outlives a restart. Knows no model."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_before_delay, wait_exponential

from gateway.domain.budget import Budget
from gateway.domain.errors import ModelUnavailable
from gateway.ports import Embedder, Embeddings

Result = TypeVar("Result")

_PAUSES = wait_exponential(multiplier=0.1, max=2.0)
"""Seconds, doubled after each try."""


async def patiently(work: Callable[[], Awaitable[Result]], budget: Budget) -> Result:
    """The result of ``work``, tried again after ModelUnavailable and ModelOverloaded, with pauses that double.

    Raises the last of these faults when the budget does not last for another try, and any other fault at once.
    """

    async def one_try() -> Result:  # what is called must be known to be asynchronous: a lambda is not
        return await work()

    away, end = retry_if_exception_type(ModelUnavailable), stop_before_delay(budget.left_s)
    return await AsyncRetrying(retry=away, wait=_PAUSES, stop=end, reraise=True)(one_try)


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
