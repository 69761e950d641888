"""Rows of (item id, score), best first, to candidates of one source."""

from collections.abc import Iterable, Sequence
from typing import Any

from gateway.domain import Candidate, SourceHit


def to_candidates(source: str, rows: Iterable[Sequence[Any]]) -> list[Candidate]:
    """Ranks from 1 in the order of the rows."""
    return [
        Candidate(item_id, rank, float(score), (SourceHit(source, rank, float(score)),))
        for rank, (item_id, score) in enumerate(rows, start=1)
    ]
