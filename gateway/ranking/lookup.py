"""What the stores know of a request: its history, the texts of its items, and how they relate. Knows no adapter."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.domain.budget import Budget
from gateway.domain.errors import OUTAGES, NotFound, StoreUnavailable
from gateway.domain.values import Candidate, CandidateOptions, CandidateQuery, HistoryEvent, Item, Reason
from gateway.ports import CandidateSource, HistoryStore, ItemReader, SignalReader
from gateway.ranker.features import HISTORY_EVENTS
from gateway.ranker.signals import ItemSignals
from gateway.ranking.request import Request

FARTHEST = -1.0
"""The least cosine there is: the score of an item that nobody compared."""


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


def candidate_query(request: Request, wanted: CandidateOptions, limit: int) -> CandidateQuery:
    """What sources are asked for a request. A seed item never comes back."""
    context = request.context
    return CandidateQuery(
        limit=limit,
        history=tuple(request.history),
        query=context.query or context.session_query,
        filters=wanted.filters,
        exclude=wanted.exclude | ({context.seed_item_id} if context.seed_item_id is not None else set()),
        seen_by=None if wanted.include_seen else context.user_id,
        include_history=wanted.include_seen,
    )


def can_be_compared(request: Request, candidates: Sequence[Candidate]) -> bool:
    """Whether the caller names items of the catalogue beside a query, and wants them in another order than its own."""
    named = all(candidate.item is None for candidate in candidates)
    return named and bool(request.context.query) and not request.options.first_stage_order


async def compare(
    request: Request, candidates: Sequence[Candidate], by_text: CandidateSource, budget: Budget
) -> Sequence[Candidate]:
    """The candidates with their nearness to the query as score and hit. As they are, and the answer says so, where the
    source is away."""
    named = frozenset(candidate.item_id for candidate in candidates)
    query = CandidateQuery(limit=len(candidates), query=request.context.query or "", among=named)
    try:
        found = {one.item_id: one for one in await by_text.fetch(query, budget)}
    except OUTAGES as fault:
        request.degrade(Reason.SOURCE_UNAVAILABLE, f"{by_text.name}: {fault.message}")
        return candidates
    request.first_stage = by_text.name
    near = ((one, found.get(one.item_id)) for one in candidates)
    return [replace(one, score=hit.score if hit else FARTHEST, hits=hit.hits if hit else ()) for one, hit in near]


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
