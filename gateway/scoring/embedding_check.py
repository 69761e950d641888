"""Does a bi-encoder answer at all, and with what can be a vector? One text through every endpoint decides."""

import numpy as np

from gateway.domain.budget import Budget
from gateway.domain.errors import ModelMismatch
from gateway.scoring.embedder import BiEncoder
from gateway.scoring.endpoints import Endpoint, Endpoints
from gateway.scoring.rounds import Rounds, RoundTimes

TEXT = "a space station"
_TOLERANCE = 1e-2
"""Of the length of a unit vector."""


class EmbeddingCheck(Rounds):
    """Rounds over the endpoints of a bi-encoder. ``timeout_s``: longest wait for the vector."""

    def __init__(self, endpoints: Endpoints, embedder: BiEncoder, times: RoundTimes, timeout_s: float) -> None:
        super().__init__(endpoints, embedder.model, times)
        self._embedder = embedder
        self._timeout_s = timeout_s

    async def prove(self, endpoint: Endpoint) -> None:
        """A unit vector of the right width. Raises ModelMismatch, and as Connection does."""
        inference = self._embedder.inference([TEXT], Budget(self._timeout_s))
        length = float(np.linalg.norm(inference.checked(await endpoint.connection.infer(inference))))
        if not abs(length - 1) <= _TOLERANCE:
            raise ModelMismatch(f"{self._embedder.model}: the vector of {TEXT!r} has length {length:.3f}; expected 1")
