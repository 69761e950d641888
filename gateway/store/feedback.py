"""Impressions and interactions in PostgreSQL: what was shown, what users did, and which belongs to which."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from gateway.domain.budget import Budget
from gateway.domain.errors import NotFound
from gateway.domain.values import Context, HistoryEvent, Impression, Interaction
from gateway.store.pool import Database

# One statement, so all or nothing: with an unknown item nothing is inserted. Numbered in the order given, inserted in
# the order of the key: messages with common rows in other orders would otherwise wait for each other in a circle.
_RECORD = """
    WITH given AS (
        SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::float8[], %s::text[])
            WITH ORDINALITY AS rows (user_id, item_id, event, time, weight, attribution_token, position)
    ), unknown AS MATERIALIZED (
        SELECT item_id, min(position) AS position FROM given
        WHERE NOT EXISTS (SELECT FROM items WHERE items.item_id = given.item_id) GROUP BY item_id
    ), numbered AS (
        SELECT *, nextval(pg_get_serial_sequence('interactions', 'sequence')) AS sequence
        FROM (SELECT * FROM given ORDER BY position) AS in_order
    ), recorded AS (
        INSERT INTO interactions (user_id, item_id, event, time, weight, attribution_token, sequence)
        OVERRIDING SYSTEM VALUE
        SELECT user_id, item_id, event, time, weight, attribution_token, sequence FROM numbered
        WHERE NOT EXISTS (SELECT FROM unknown)
        ORDER BY user_id, item_id, event, time, position
        ON CONFLICT DO NOTHING
        RETURNING item_id, attribution_token
    )
    SELECT
        (SELECT array_agg(item_id ORDER BY position) FROM unknown),
        (SELECT count(*) FROM recorded),
        (SELECT count(*) FROM recorded JOIN impressions USING (attribution_token) WHERE item_id = ANY (item_ids))
"""

# The items come as one document: the driver writes the JSON of 100 items in a tenth of the time of four arrays, and the
# shortest decimal of a float is read back as the same float.
_SHOW = """
    INSERT INTO impressions (
        attribution_token, request_id, context, model, version, fingerprint, degraded, kind, orderer, orderer_version,
        item_ids, first_stage_ranks, logits, scores
    )
    SELECT %s, %s, %s::jsonb, %s, %s, %s, %s, %s, %s, %s,
        coalesce(array_agg(item->>0 ORDER BY place), '{}'), coalesce(array_agg((item->>1)::int ORDER BY place), '{}'),
        coalesce(array_agg((item->>2)::float8 ORDER BY place), '{}'),
        coalesce(array_agg((item->>3)::float8 ORDER BY place), '{}')
    FROM jsonb_array_elements(%s::jsonb) WITH ORDINALITY AS items (item, place)
    ON CONFLICT DO NOTHING
"""

MAX_CONTEXT_BYTES = 16 * 1024
"""Of what was asked, as JSON in ASCII: the longest query fits, whatever a caller brings beside it may not."""


class PostgresFeedbackStore:
    """FeedbackStore on ``interactions`` and ``impressions``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def record_interactions(self, interactions: Sequence[Interaction], budget: Budget) -> tuple[int, int]:
        """How many were new, and how many of these name an item of a list that was shown. NotFound: none is stored."""
        columns = [
            [one.user_id for one in interactions],
            [one.item_id for one in interactions],
            [one.event for one in interactions],
            [one.time for one in interactions],
            [float(one.weight) for one in interactions],
            [one.attribution_token for one in interactions],
        ]
        [(unknown, recorded, attributed)] = await self._database.execute(_RECORD, columns, budget)
        if unknown:
            raise NotFound("item", unknown[0], f"upsert it first ({len(unknown)} items are unknown; nothing is stored)")
        return recorded, attributed

    async def record_impression(self, impression: Impression, budget: Budget) -> None:
        """Stores the list; a token that is stored already stays as it is."""
        model = impression.model
        await self._database.execute(
            _SHOW,
            [
                impression.attribution_token,
                impression.request_id,
                _context_json(impression.context),
                model.name,
                model.version,
                model.fingerprint,
                Jsonb([{"reason": one.reason.value, "detail": one.detail} for one in impression.degraded]),
                impression.kind.value,
                impression.orderer.name,
                impression.orderer.version,
                Jsonb([(one.item_id, one.first_stage_rank, one.logit, one.score) for one in impression.items]),
            ],
            budget,
        )


def _context_json(context: Context) -> str:
    """What was asked, without what was left open. Where that takes too much, features and then the oldest part of the
    history are left out, and ``cut`` names them."""
    document: dict[str, Any] = {
        "user_id": context.user_id,
        "query": context.query,
        "seed_item_id": context.seed_item_id,
        "session_query": context.session_query or None,
        "surface": context.surface or None,
        "locale": context.locale or None,
        "features": dict(context.features) or None,
        "history": None if context.history is None else [_event_document(event) for event in context.history],
    }
    document = {name: value for name, value in document.items() if value is not None}
    text = json.dumps(document)
    if len(text) > MAX_CONTEXT_BYTES and document.pop("features", None):
        document["cut"] = ["features"]
        text = json.dumps(document)
    if len(text) > MAX_CONTEXT_BYTES and context.history:
        document |= {"history": [], "cut": [*document.get("cut", ()), "history"]}
        room = MAX_CONTEXT_BYTES - len(json.dumps(document))
        document["history"] = list(_newest_within(room, context.history))
        text = json.dumps(document)
    return text


def _newest_within(room: int, history: Sequence[HistoryEvent]) -> Iterator[Mapping[str, str]]:
    for event in history:
        document = _event_document(event)
        room -= len(json.dumps(document)) + len(", ")
        if room < 0:
            return
        yield document


def _event_document(event: HistoryEvent) -> Mapping[str, str]:
    """The item, and which text the caller gave of it: the text itself may be long, and is the caller's."""
    if event.fields is None:
        return {"item_id": event.item_id}
    return {"item_id": event.item_id, "fields_digest": fields_digest(event.fields)}


def fields_digest(fields: Mapping[str, str]) -> str:
    """BLAKE2b-128 in hexadecimal, over names and texts in order of the names, each with its length before it."""
    digest = hashlib.blake2b(digest_size=16)
    for name in sorted(fields):
        for part in (name.encode(), fields[name].encode()):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
