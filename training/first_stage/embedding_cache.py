"""Vectors of texts, kept in a folder: computed once for a catalogue, whichever command asks. Knows no model."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from gateway.domain.files import replacing
from training.first_stage.training_interactions import Scores

Embed = Callable[[Sequence[str]], Scores]


def cached_embeddings(folder: Path, embed: Embed) -> Embed:
    """``embed``, asked only for texts whose vectors are not in ``folder`` yet; a file is complete or not there."""

    def kept(texts: Sequence[str]) -> Scores:
        file = folder / f"vectors-{_digest(texts)}.npy"
        if file.is_file():
            known: Scores = np.load(file)
            return known
        vectors = embed(texts)
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(file) as fresh:
            np.save(fresh, vectors)
        return vectors

    return kept


def _digest(texts: Sequence[str]) -> str:
    """Of the texts in their order, each with its length before it."""
    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        part = text.encode()
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
