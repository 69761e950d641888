"""What the index knows of how items relate, in PostgreSQL: numbers as bytes, little-endian. Knows no feature."""

from collections.abc import Mapping, Sequence

import numpy as np

from gateway.domain.budget import Budget
from gateway.ranker.signals import SMOOTH, SPARSE, Floats, ItemSignals
from gateway.store.pool import Database

_KEYS, _FLOATS = np.dtype("<u8"), np.dtype("<f4")
_VECTOR = np.dtype(">f4")
"""pgvector's own bytes, behind two numbers of 16 bits."""

_SELECT = """
    SELECT items.item_id, {neighbors}, item_signals.smooth, vector_send(items.embedding),
        coalesce((SELECT version FROM signals_version), 0)
    FROM items LEFT JOIN item_signals USING (item_id) WHERE items.item_id = ANY (%s::text[])
"""
_WHOLE = _SELECT.format(neighbors="item_signals.neighbors, item_signals.weights")
_AS_CANDIDATE = _SELECT.format(neighbors="NULL::bytea, NULL::bytea")


class PostgresSignalStore:
    """SignalReader on ``item_signals`` and the vectors of ``items``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_history(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        """With neighbours."""
        return await self._get(_WHOLE, item_ids, budget)

    async def of_candidates(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        """Without neighbours, which only items of a history need."""
        return await self._get(_AS_CANDIDATE, item_ids, budget)

    async def version(self, budget: Budget) -> int:
        """How often the signals were made anew."""
        rows = await self._database.fetch("SELECT version FROM signals_version", [], budget)
        return int(rows[0][0]) if rows else 0

    async def _get(self, query: str, item_ids: Sequence[str], budget: Budget) -> Mapping[str, ItemSignals]:
        rows = await self._database.fetch(query, [list(item_ids)], budget)
        return {item_id: _signals(*columns) for item_id, *columns in rows}


def signal_row(signals: ItemSignals) -> tuple[bytes, bytes, bytes]:
    """Neighbours, weights and smooth vectors of an item that somebody liked."""
    smooth = np.zeros(0) if signals.smooth is None else signals.smooth
    return (
        signals.neighbors.astype(_KEYS).tobytes(),
        signals.weights.astype(_FLOATS).tobytes(),
        smooth.astype(_FLOATS).tobytes(),
    )


def _signals(
    neighbors: bytes | None, weights: bytes | None, smooth: bytes | None, embedding: bytes, made: int
) -> ItemSignals:
    return ItemSignals(
        np.frombuffer(neighbors or b"", _KEYS),
        np.frombuffer(weights or b"", _FLOATS).reshape(-1, len(SPARSE)),
        _smooth(smooth),
        np.frombuffer(embedding, _VECTOR, offset=4).astype(np.float32),
        made,
    )


def _smooth(stored: bytes | None) -> Floats | None:
    return np.frombuffer(stored, _FLOATS).reshape(len(SMOOTH), 2, -1) if stored else None
