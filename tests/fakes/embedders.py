"""A bi-encoder that needs no model: words hashed into a unit vector, so that texts with common words are near."""

import zlib
from collections.abc import Sequence

import numpy as np

from gateway.domain.budget import Budget
from gateway.domain.errors import CrossrankError, DeadlineTooShort
from gateway.ports import Embeddings
from gateway.store.schema import EMBEDDING_DIMENSION


class HashingEmbedder:
    """Embedder; remembers its texts, and raises ``fault`` when there is one."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.fault: CrossrankError | None = None

    async def embed(self, texts: Sequence[str], budget: Budget) -> Embeddings:
        self.texts.extend(texts)
        if self.fault is not None:
            raise self.fault
        if budget.spent:
            raise DeadlineTooShort("no time was left")
        return np.array([embed_words(text) for text in texts], np.float32)


def embed_words(text: str) -> Embeddings:
    """A unit vector; every text has at least one word, itself."""
    vector = np.zeros(EMBEDDING_DIMENSION, np.float32)
    for word in text.lower().replace(",", " ").split() or [text]:
        vector[zlib.crc32(word.encode()) % EMBEDDING_DIMENSION] += 1.0
    return vector / np.float32(np.linalg.norm(vector))
