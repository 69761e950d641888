"""What the stores know of a request: its history, the texts of its items, and how they relate. Knows no adapter."""

import asyncio
from collections.abc import Mapping, Sequence

from gateway.domain.errors import NotFound, StoreUnavailable
from gateway.domain.values import Candidate, HistoryEvent, Item, Reason
from gateway.ports import HistoryStore, ItemReader, SignalReader
from gateway.ranker.features import HISTORY_EVENTS
from gateway.ranker.signals import ItemSignals
from gateway.ranking.request import Request


async def read_history(request: Request, histories: HistoryStore, items: ItemReader) -> None:
    """The context's recent items with their texts. Raises NotFound for an item that the caller names and nobody
    knows."""
    context = request.context
    if context.user_id is not None:
        try:
            request.history = await histories.recent(context.user_id, HISTORY_EVENTS, request.budget.slice(0.5))
        except StoreUnavailable as fault:
            request.degrade(Reason.HISTORY_UNAVAILABLE, fault.message)
    elif context.seed_item_id is not None:
        request.history = (HistoryEvent(context.seed_item_id),)
    else:
        request.history = context.history or ()
    if any(event.fields is None for event in request.history):
        await _read_texts(request, items)


async def _read_texts(request: Request, items: ItemReader) -> None:
    missing = [event.item_id for event in request.history if event.fields is None]
    try:
        known = await items.get(missing, request.budget.slice(0.5))
    except StoreUnavailable as fault:
        request.degrade(Reason.HISTORY_UNAVAILABLE, fault.message)
        return
    context = request.context
    if context.seed_item_id is not None and context.seed_item_id not in known:
        raise NotFound("item", context.seed_item_id, "upsert it with CatalogService.UpsertItems first")
    if context.history is not None and (unknown := [item_id for item_id in missing if item_id not in known]):
        raise NotFound("item", unknown[0], f"give its fields inline ({len(unknown)} history items are unknown)")
    request.history = [
        event if event.fields is not None else HistoryEvent(event.item_id, known[event.item_id].fields)
        for event in request.history
        if event.fields is not None or event.item_id in known
    ]


async def read_items(request: Request, candidates: Sequence[Candidate], items: ItemReader) -> Mapping[str, Item]:
    """The texts of candidates given by id. Raises NotFound for an id the caller gave that nobody knows."""
    found = {candidate.item_id: candidate.item for candidate in candidates if candidate.item is not None}
    missing = [candidate for candidate in candidates if candidate.item is None]
    if missing:
        found |= await items.get([one.item_id for one in missing], request.budget.slice(0.5))
    unknown = [one.item_id for one in missing if one.item_id not in found and not one.hits]
    if unknown:
        raise NotFound("item", unknown[0], f"give its fields inline, or upsert it ({len(unknown)} are unknown)")
    return found


async def read_signals(
    request: Request, candidates: Sequence[Candidate], signals: SignalReader
) -> Mapping[str, ItemSignals]:
    """Of candidates and history, by id; none, and the answer says so, where the store is away."""
    history, wanted = [event.item_id for event in request.history], [one.item_id for one in candidates]
    budget = request.budget.slice(0.5)
    try:
        of_candidates, of_history = await asyncio.gather(
            signals.of_candidates(wanted, budget), signals.of_history(history, budget)
        )
    except StoreUnavailable as fault:
        request.degrade(Reason.SIGNALS_UNAVAILABLE, fault.message)
        return {}
    found = {**of_candidates, **of_history}
    if len({one.made for one in found.values()}) > 1:
        request.degrade(Reason.SIGNALS_UNAVAILABLE, "relations of items are being made anew")
        return {}
    return found
