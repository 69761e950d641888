"""Scorers whose logits betray every mix-up: the logit is a digest of the pair's own token ids."""

import asyncio
import hashlib
from array import array
from collections.abc import Callable, Sequence

import numpy as np

from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError, DeadlineTooShort, ModelUnavailable
from gateway.domain.values import EncodedPair
from gateway.ports import Logits, ServedModel


def hash_logit(pair: EncodedPair) -> float:
    """A number in [-4, 4) that depends on every token and segment id."""
    digest = hashlib.blake2b(array("q", pair.token_ids + pair.type_ids).tobytes(), digest_size=4).digest()
    return float(np.float32(int.from_bytes(digest, "big") / 2**29 - 4))


class FakeScorer:
    """Scores by ``logit_of``; can fail, wait for ``gate``, never answer long pairs; remembers what it was asked."""

    def __init__(self, model: ServedModel | None, logit_of: Callable[[EncodedPair], float] = hash_logit) -> None:
        self.model = model
        self.logit_of = logit_of
        self.fault: CrossrankError | None = None
        self.gate: asyncio.Event | None = None
        self.slow_from_tokens = 10**9
        self.requests: list[list[EncodedPair]] = []

    def current(self) -> ServedModel:
        """The model given."""
        if self.model is None:
            raise ModelUnavailable("no version is verified yet")
        return self.model

    async def score(self, model: ServedModel, pairs: Sequence[EncodedPair], budget: Budget) -> Logits:
        """One logit a pair."""
        self.requests.append(list(pairs))
        if self.gate is not None:
            await self.gate.wait()
        if max((len(pair.token_ids) for pair in pairs), default=0) >= self.slow_from_tokens:
            await asyncio.Event().wait()
        if self.fault is not None:
            raise self.fault
        if budget.spent:
            raise DeadlineTooShort("no time was left")
        return np.array([self.logit_of(pair) for pair in pairs], np.float32)
