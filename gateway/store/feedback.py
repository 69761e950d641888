"""Impressions and interactions in PostgreSQL: what training reads later."""

from collections.abc import Sequence
from dataclasses import asdict

from psycopg.types.json import Jsonb

from gateway.budget import Budget
from gateway.domain import Context, Impression, Interaction
from gateway.errors import NotFound
from gateway.store.database import Connection, Database

_INTERACTION = """
INSERT INTO interactions (user_id, item_id, event, weight, time, attribution_token)
SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::float8[], %s::timestamptz[], %s::text[])
ON CONFLICT DO NOTHING RETURNING item_id, attribution_token
"""
_ATTRIBUTED = """
SELECT count(*) FROM unnest(%s::text[], %s::text[]) AS given(item_id, attribution_token)
JOIN impression_items USING (item_id, attribution_token)
"""
_IMPRESSION = """
INSERT INTO impressions
    (attribution_token, request_id, user_id, context, model, model_version, encoding_fingerprint, degraded)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
"""
_IMPRESSION_ITEMS = """
INSERT INTO impression_items (attribution_token, rank, item_id, first_stage_rank, logit, score)
SELECT %s, * FROM unnest(%s::int[], %s::text[], %s::int[], %s::real[], %s::real[])
"""


class PostgresFeedbackStore:
    """FeedbackStore over interactions and impressions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record_interactions(self, interactions: Sequence[Interaction], budget: Budget) -> tuple[int, int]:
        """(recorded, attributed). All or nothing; repeating changes nothing. NotFound for an unknown item."""
        async with self._database.connection(budget) as connection, connection.transaction():
            await _require_items(connection, [one.item_id for one in interactions])
            columns = [
                [one.user_id for one in interactions],
                [one.item_id for one in interactions],
                [one.event for one in interactions],
                [one.weight for one in interactions],
                [one.time for one in interactions],
                [one.attribution_token for one in interactions],
            ]
            stored = await (await connection.execute(_INTERACTION, columns)).fetchall()
            pairs = [[row[0] for row in stored], [row[1] for row in stored]]
            attributed = await (await connection.execute(_ATTRIBUTED, pairs)).fetchone()
            return len(stored), attributed[0] if attributed else 0

    async def record_impression(self, impression: Impression, budget: Budget) -> None:
        """Stores the list that was shown."""
        items, model = impression.items, impression.model
        async with self._database.connection(budget) as connection, connection.transaction():
            await connection.execute(
                _IMPRESSION,
                (
                    impression.attribution_token,
                    impression.request_id,
                    impression.context.user_id,
                    Jsonb(_described(impression.context)),
                    model.name,
                    model.version,
                    model.fingerprint,
                    [degradation.reason.value for degradation in impression.degraded],
                ),
            )
            await connection.execute(
                _IMPRESSION_ITEMS,
                (
                    impression.attribution_token,
                    [item.rank for item in items],
                    [item.item_id for item in items],
                    [item.first_stage_rank for item in items],
                    [item.logit for item in items],
                    [item.score for item in items],
                ),
            )


async def _require_items(connection: Connection, item_ids: Sequence[str]) -> None:
    unknown = await (
        await connection.execute(
            "SELECT given FROM unnest(%s::text[]) AS given "
            "WHERE NOT EXISTS (SELECT FROM items WHERE item_id = given) LIMIT 1",
            (list(item_ids),),
        )
    ).fetchone()
    if unknown:
        raise NotFound("item", unknown[0], "upsert it with CatalogService.UpsertItems first; nothing was stored")


def _described(context: Context) -> dict[str, object]:
    return {name: value for name, value in asdict(context).items() if value not in (None, "", {})}
