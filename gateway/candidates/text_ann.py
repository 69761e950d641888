"""Items whose text is near the recent history or the query, by cosine in PostgreSQL (pgvector): of all items, or of
those that nobody liked."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.candidates.eligible import as_candidates, eligible, wanted
from gateway.domain.budget import Budget
from gateway.domain.values import Candidate, CandidateQuery, HistoryEvent
from gateway.encoding.item_text import item_text, text_digest
from gateway.ports import Embedder, Embeddings
from gateway.store.filters import Condition, every
from gateway.store.pool import Database, Row

COLD_ITEMS = "cold_items"
"""The source of items that nobody liked."""

_COLD = Condition("items.item_id IN (SELECT item_id FROM item_popularity WHERE users = 0)", ())

_OVERFETCH = 2
"""The index scan finds so many times the limit: its order is approximate, so that the cut is made after sorting."""

_INDEX_ONLY = {"enable_seqscan": "off", "enable_bitmapscan": "off", "enable_sort": "off"}
"""Many items match, which the planner cannot know of all filters: let it not compare them one by one."""

_EMBEDDING_SHARE = 0.7
"""Of the budget, for the bi-encoder; the searches get what is left."""


@dataclass(frozen=True, slots=True)
class TextAnnSettings:
    """A source ``name``. ``cold``: only of items that nobody liked, and only for a history. ``history_items``: how many
    recent items make the profile (chosen on MovieLens 100K, valid). ``exact_rows``: up to so many items that the query
    wants, all are compared; above, the index is used."""

    name: str = "text_ann"
    cold: bool = False
    history_items: int = 3
    exact_rows: int = 20_000


TEXT_ANN = TextAnnSettings()
OF_COLD_ITEMS = TextAnnSettings(name=COLD_ITEMS, cold=True)


class TextAnn:
    """CandidateSource on ``items.embedding``; the score is the cosine."""

    def __init__(
        self,
        database: Database,
        embedder: Embedder,
        embedding_model: str = "bi_encoder",
        settings: TextAnnSettings = TEXT_ANN,
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._embedding_model = embedding_model
        self._settings = settings

    @property
    def name(self) -> str:
        """The source's."""
        return self._settings.name

    def fits(self, query: CandidateQuery) -> bool:
        """Whether the query has a history or a text, from which a profile can be made. Items that nobody liked need no
        place of their own beside a text alone: only texts speak there."""
        return bool(query.history or (query.query and not self._settings.cold))

    async def fetch(self, query: CandidateQuery, budget: Budget) -> Sequence[Candidate]:
        """The nearest items. Fewer than the limit only if no more are eligible."""
        profile, few_match = await asyncio.gather(self._profile(query, budget), self._few_match(query, budget))
        if profile is None:
            return []
        if few_match:
            return as_candidates(self.name, await self._search_all(profile, query, budget))
        rows = await self._search_index(profile, query, budget)
        if len(rows) < query.limit:  # the index scan ends at its bounds, even if more items are eligible
            rows = await self._search_all(profile, query, budget)
        return as_candidates(self.name, rows)

    async def _profile(self, query: CandidateQuery, budget: Budget) -> Embeddings | None:
        """Unit vector [384]: the mean of the recent items, and the query with the same weight; None for no text."""
        history = query.history[: self._settings.history_items]
        stored = await self._stored_embeddings(history, budget)
        texts = [item_text(event.fields) for event in history if event.item_id not in stored and event.fields]
        if query.query:
            texts.append(query.query)
        vectors = list(stored.values())
        if texts:
            vectors.extend(await self._embedder.embed(texts, budget.slice(_EMBEDDING_SHARE)))
        parts = [vectors[:-1], vectors[-1:]] if query.query else [vectors]
        return _direction([mean for part in parts if part and (mean := _direction(part)) is not None])

    async def _stored_embeddings(self, history: Sequence[HistoryEvent], budget: Budget) -> dict[str, Embeddings]:
        """By item id. A text that the caller gave counts, where it is not the catalogue's."""
        if not history:
            return {}
        given = {event.item_id: item_text(event.fields) for event in history if event.fields is not None}
        rows = await self._database.fetch(
            "SELECT item_id, embedding::real[], text_digest FROM items WHERE item_id = ANY (%s::text[])",
            [[event.item_id for event in history]],
            budget,
        )
        return {
            item_id: np.array(vector, np.float32)
            for item_id, vector, digest in sorted(rows)
            if item_id not in given or text_digest(self._embedding_model, given[item_id]) == digest
        }

    def _of_source(self, condition: Condition) -> Condition:
        return every([condition, _COLD]) if self._settings.cold else condition

    async def _few_match(self, query: CandidateQuery, budget: Budget) -> bool:
        condition = self._of_source(wanted(query))
        statement = f"SELECT count(*) FROM (SELECT FROM items WHERE {condition.sql} LIMIT %s) AS matching"
        limit = self._settings.exact_rows + 1
        [(matching,)] = await self._database.fetch(statement, [*condition.parameters, limit], budget)
        return bool(matching < limit)

    async def _search_all(self, profile: Embeddings, query: CandidateQuery, budget: Budget) -> list[Row]:
        """Compares every eligible item. MATERIALIZED keeps the planner from using the vector index."""
        condition = self._of_source(eligible(query))
        statement = f"""
            WITH compared AS MATERIALIZED (
                SELECT items.item_id, items.embedding <=> %s::real[]::vector AS distance
                FROM items WHERE {condition.sql}
            )
            SELECT item_id, 1 - distance FROM compared ORDER BY distance, item_id LIMIT %s
        """
        return await self._database.fetch(statement, [profile.tolist(), *condition.parameters, query.limit], budget)

    async def _search_index(self, profile: Embeddings, query: CandidateQuery, budget: Budget) -> list[Row]:
        condition = self._of_source(eligible(query))
        statement = f"""
            WITH nearest AS MATERIALIZED (
                SELECT items.item_id, items.embedding <=> %s::real[]::vector AS distance
                FROM items WHERE {condition.sql}
                ORDER BY items.embedding <=> %s::real[]::vector FETCH FIRST (%s) ROWS WITH TIES
            )
            SELECT item_id, 1 - distance FROM nearest ORDER BY distance, item_id LIMIT %s
        """
        vector, nearest = profile.tolist(), _OVERFETCH * query.limit
        parameters = [vector, *condition.parameters, vector, nearest, query.limit]
        return await self._database.fetch(statement, parameters, budget, _INDEX_ONLY)


def _direction(vectors: Sequence[Embeddings]) -> Embeddings | None:
    """The mean as a unit vector; None where there is none, or where the vectors cancel out."""
    if not vectors:
        return None
    total = np.sum(np.stack(list(vectors)), axis=0, dtype=np.float64)
    length = float(np.linalg.norm(total))
    return None if length < 1e-9 else (total / length).astype(np.float32)
