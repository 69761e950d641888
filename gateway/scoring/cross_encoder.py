"""The Scorer on Triton: pairs to tensors, the verified version's logits back."""

from collections.abc import Sequence

import numpy as np

from gateway.domain.budget import Budget
from gateway.domain.values import EncodedPair
from gateway.ports import Logits, ServedModel
from gateway.scoring.endpoints import Endpoints
from gateway.scoring.triton import Inference, pair_tensors
from gateway.scoring.verification import Verification


class CrossEncoder:
    """Scores pairs with the model version that verification vouches for."""

    def __init__(self, endpoints: Endpoints, verification: Verification) -> None:
        self._endpoints = endpoints
        self._verification = verification

    def current(self) -> ServedModel:
        """The version verified last. Raises ModelUnavailable before the first verification."""
        return self._verification.current()

    async def score(self, model: ServedModel, pairs: Sequence[EncodedPair], budget: Budget) -> Logits:
        """Logits [pairs], float32. Raises ModelUnavailable, ModelOverloaded, DeadlineTooShort, ModelAnswerInvalid."""
        if not pairs:
            return np.zeros(0, np.float32)
        logits = await self._endpoints.infer(
            Inference(
                model=model.identity.name,
                version=model.identity.version,
                inputs=pair_tensors(pairs),
                output="logit",
                budget=budget,
            )
        )
        return logits[:, 0]
