"""Candidates whose text is near the query, or near the most recent history items, in the bi-encoder's space."""

from collections.abc import Mapping, Sequence

import numpy as np
from psycopg import sql

from gateway.budget import Budget
from gateway.candidates.exclusion import allowed
from gateway.candidates.hits import to_candidates
from gateway.domain import Candidate, CandidateQuery
from gateway.ports import Embedder
from gateway.store.database import Database
from gateway.store.values import vector_text

PROFILE_ITEMS = 3
"""History items whose mean is the profile: a mean over the whole history is the worst text profile there is."""

EXACT_ROWS = 20_000
"""Up to this many matching rows are scanned exactly: an index scan under a filter loses rows."""

_COUNT = sql.SQL("SELECT count(*) FROM (SELECT FROM items i WHERE {allowed} LIMIT %s) AS matching")
_EXACT = sql.SQL(
    "WITH matching AS MATERIALIZED (SELECT i.item_id, i.embedding FROM items i WHERE {allowed}) "
    "SELECT item_id, 1 - (embedding <=> %s::vector) FROM matching ORDER BY embedding <=> %s::vector, item_id LIMIT %s"
)
_INDEXED = sql.SQL(
    "SELECT i.item_id, 1 - (i.embedding <=> %s::vector) FROM items i WHERE {allowed} "
    "ORDER BY i.embedding <=> %s::vector LIMIT %s"
)
_EMBEDDINGS = "SELECT item_id, embedding::real[] FROM items WHERE item_id = ANY(%s)"


class TextAnn:
    """Nearest neighbours by cosine: exact over few rows, pgvector's HNSW index over many."""

    name = "text_ann"

    def __init__(self, database: Database, embedder: Embedder, exact_rows: int = EXACT_ROWS) -> None:
        self._database = database
        self._embedder = embedder
        self._exact_rows = exact_rows

    def fits(self, query: CandidateQuery) -> bool:
        """Whether there is a query or a history."""
        return bool(query.query or query.history)

    async def fetch(self, query: CandidateQuery, budget: Budget) -> Sequence[Candidate]:
        """At most ``query.limit``, nearest first. The score is the cosine."""
        profile = await self._profile(query, budget)
        if profile is None:
            return []
        return to_candidates(self.name, await self._search(query, vector_text(profile), budget))

    async def _search(self, query: CandidateQuery, profile: str, budget: Budget) -> Sequence[Sequence[object]]:
        condition, parameters = allowed(query)
        count = _COUNT.format(allowed=condition)
        matching = (await self._database.rows(budget, count, [*parameters, self._exact_rows + 1]))[0][0]
        if matching > self._exact_rows:
            indexed = _INDEXED.format(allowed=condition)
            rows = await self._database.rows(budget, indexed, [profile, *parameters, profile, query.limit])
            if len(rows) >= query.limit:
                return rows
        exact = _EXACT.format(allowed=condition)
        return await self._database.rows(budget, exact, [*parameters, profile, profile, query.limit])

    async def _profile(self, query: CandidateQuery, budget: Budget) -> list[float] | None:
        """A unit vector; None when nothing of the history can be placed."""
        if query.query:
            return _unit((await self._embedder.embed([query.query], budget))[0])
        recent = query.history[:PROFILE_ITEMS]
        stored = await self._stored([event.item_id for event in recent], budget)
        missing = [event.fields for event in recent if event.item_id not in stored and event.fields]
        vectors = [np.asarray(stored[event.item_id], np.float32) for event in recent if event.item_id in stored]
        if missing:
            vectors += list(await self._embedder.embed([embedding_text(fields) for fields in missing], budget))
        return _unit(np.mean(vectors, axis=0)) if vectors else None

    async def _stored(self, item_ids: Sequence[str], budget: Budget) -> Mapping[str, list[float]]:
        return {row[0]: row[1] for row in await self._database.rows(budget, _EMBEDDINGS, (list(item_ids),))}


def embedding_text(fields: Mapping[str, str]) -> str:
    """What the bi-encoder reads of an item: its title first, then all other texts in order of name."""
    named = sorted(fields.items(), key=lambda field: (field[0] != "title", field[0]))
    return ", ".join(" ".join(text.split()) for _, text in named if text.strip())


def _unit(vector: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> list[float]:
    length = float(np.linalg.norm(vector))
    return [float(value) for value in vector / length] if length > 0 else [float(value) for value in vector]
