"""Pairs to requests of a bounded token volume, so that the model server can batch callers. Knows no transport."""

from collections.abc import Sequence

from gateway.domain.values import EncodedPair


def chunk_by_tokens(pairs: Sequence[EncodedPair], max_tokens: int, max_pairs: int) -> list[list[int]]:
    """Positions of ``pairs`` in chunks of similar length, shortest first.

    A chunk's padded volume (pairs × longest) stays within ``max_tokens`` unless one pair alone exceeds it, and it has
    at most ``max_pairs`` pairs. Every position appears exactly once.
    """
    chunks: list[list[int]] = []
    for position in sorted(range(len(pairs)), key=lambda index: (len(pairs[index].token_ids), index)):
        length = len(pairs[position].token_ids)
        if chunks and len(chunks[-1]) < max_pairs and (len(chunks[-1]) + 1) * length <= max_tokens:
            chunks[-1].append(position)
        else:
            chunks.append([position])
    return chunks
