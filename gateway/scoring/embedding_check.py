"""Is the bi-encoder that answers the one of the files here? Golden texts through every endpoint decide."""

import asyncio

from gateway.domain.budget import Budget
from gateway.domain.errors import ModelMismatch
from gateway.scoring.embedder import BiEncoder
from gateway.scoring.endpoints import Endpoint, Endpoints
from gateway.scoring.rounds import Rounds, RoundTimes


class EmbeddingCheck(Rounds):
    """Rounds over the endpoints of a bi-encoder. ``timeout_s``: longest wait for the vectors."""

    def __init__(self, endpoints: Endpoints, embedder: BiEncoder, times: RoundTimes, timeout_s: float) -> None:
        super().__init__(endpoints, embedder.model, times)
        self._embedder = embedder
        self._timeout_s = timeout_s
        self._round = 0

    async def verify_all(self) -> None:
        """One round over all endpoints."""
        self._round += 1
        await super().verify_all()

    async def prove(self, endpoint: Endpoint) -> None:
        """The recorded vectors: of all golden texts where nothing was proved yet, else of one. Raises ModelMismatch,
        ModelUnavailable for files that are not as they were written, and as Connection does."""
        bundle = await asyncio.to_thread(self._embedder.bundle)
        count = len(bundle.golden)
        numbers = [self._round % count] if endpoint.usable else range(count)
        texts = [bundle.golden[number].text for number in numbers]
        inference = self._embedder.inference(texts, Budget(self._timeout_s))
        vectors = inference.checked(await endpoint.connection.infer(inference))
        if faults := bundle.vector_faults(vectors, numbers):
            raise ModelMismatch(f"{self._embedder.model}: {faults[0]} ({len(faults)} in all)")
