"""A request's context and items to token ids: chooses the texts; gateway.encoding encodes. Knows no ports' adapters."""

import asyncio
from collections.abc import Mapping, Sequence
from itertools import chain

from gateway.cache.token_ids import TokenIdCache, text_key
from gateway.domain.errors import InvalidRequest, Violation
from gateway.domain.values import AttributeValue, Candidate, Context, HistoryEvent, Item
from gateway.encoding.pair_encoder import ContextTooLong, EncodedContext
from gateway.encoding.render import ContextFields
from gateway.ports import ServedModel
from gateway.ranker.features import fields_read

NAMED_FIELDS = 20


def context_fields(context: Context, history: Sequence[HistoryEvent]) -> ContextFields:
    """What the template may read of a request."""
    return ContextFields(
        query=context.query or context.session_query,
        features={name: _text(value) for name, value in context.features.items()},
        history=[event.fields for event in history if event.fields],
    )


def unread_fields(model: ServedModel, context: Context, candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Names of fields, at most NAMED_FIELDS, that the caller gave with items and no part of the version reads."""
    given = [candidate.item.fields for candidate in candidates if candidate.item]
    given += [event.fields for event in context.history or () if event.fields]
    spec = model.bundle.spec
    read = {field.name for field in (*spec.item.fields, *spec.context.history_fields)}
    return tuple(sorted({*chain(*given)} - read - fields_read(spec.fusion.features))[:NAMED_FIELDS])


def encode_context(model: ServedModel, context: Context, history: Sequence[HistoryEvent]) -> EncodedContext:
    """The context side. Raises InvalidRequest when query and features alone exceed its token budget."""
    try:
        return model.bundle.encoder.encode_context(context_fields(context, history))
    except ContextTooLong as fault:
        field = "context.query" if context.query else "context.session_query"
        raise InvalidRequest(Violation(field, str(fault))) from fault


async def item_token_ids(
    model: ServedModel, items: Mapping[str, Item], cache: TokenIdCache
) -> dict[str, tuple[int, ...]]:
    """Each item's side: stored token ids where they are of this encoding, else those of the same text lately, else
    encoded off the event loop. One token over the budget tells that it is cut; the rest is not kept."""
    encoder, kept = model.bundle.encoder, model.bundle.spec.item.max_tokens + 1
    token_ids = {
        item_id: item.token_ids[:kept]
        for item_id, item in items.items()
        if item.token_ids is not None and item.tokens_fingerprint == encoder.item_fingerprint
    }
    keys = {item_id: text_key(encoder, item.fields) for item_id, item in items.items() if item_id not in token_ids}
    known = cache.known(keys.values())
    fresh = {key: items[item_id].fields for item_id, key in keys.items() if key not in known}
    if fresh:
        encoded = await asyncio.to_thread(encoder.encode_items, list(fresh.values()))
        made = {key: ids[:kept] for key, ids in zip(fresh, encoded, strict=True)}
        cache.put(made)
        known |= made
    return token_ids | {item_id: known[key] for item_id, key in keys.items()}


def refuse_long_items(model: ServedModel, token_ids: Mapping[str, Sequence[int]]) -> None:
    """Raises InvalidRequest naming every item that would be cut."""
    limit = model.bundle.spec.item.max_tokens
    long = [
        Violation(
            f"candidates[{item_id}]",
            f"has more than {limit} tokens: shorten it, or allow TRUNCATION_POLICY_CUT",
        )
        for item_id, ids in token_ids.items()
        if len(ids) > limit
    ]
    if long:
        raise InvalidRequest(*long)


def _text(value: AttributeValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return " ".join(value)
    return f"{value:g}" if isinstance(value, float) else value
