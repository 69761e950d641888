"""Small known worlds for the offline first stages."""

from collections.abc import Sequence

import numpy as np

from tests.training.histories import oldest_first
from training.first_stage.training_interactions import Scores, TrainingInteractions

TITLES = ("Dune", "Dune Messiah", "Emma", "Persuasion", "Neuromancer", "Unread")


def known(*histories: Sequence[int]) -> TrainingInteractions:
    """Users with these histories over six books."""
    users = tuple(f"u{number}" for number in range(len(histories)))
    return TrainingInteractions(
        users, tuple(oldest_first(*one) for one in histories), tuple({"title": title} for title in TITLES)
    )


def hashed_vectors(texts: Sequence[str]) -> Scores:
    """Unit vectors of words, without a model: equal texts are equal, texts that share words are near."""
    vectors = np.zeros((len(texts), 64), np.float32)
    for row, text in enumerate(texts):
        for word in text.lower().split():
            vectors[row, sum(map(ord, word)) % 64] += 1
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return vectors
