"""Which history item moved a score: each is left out once and the pair scored again. Knows the scoring path only."""

from collections.abc import Sequence
from dataclasses import replace

from gateway.cache.keys import PairKeys
from gateway.domain.budget import Budget
from gateway.domain.errors import Overloaded
from gateway.domain.values import EncodedPair, HistoryEvent, RankedList, ScoredItem
from gateway.ranking.rendering import encode_context
from gateway.ranking.request import EncodedList, Request, reason_of
from gateway.scoring.coalesced import CoalescedScorer, ScoringOutcome, ScoringWork

EXPLAINED_ITEMS = 10
"""Items of the answer that are explained: the cost is one scoring per history item and explained item."""


async def explain(
    scorer: CoalescedScorer, request: Request, sides: EncodedList, answer: RankedList, budget: Budget
) -> RankedList:
    """The answer with contributions: logit with the history item minus logit without it, most helpful first.

    The list is ready: what goes wrong is noted, and costs contributions alone.
    """
    if request.model is None:
        return answer
    model, given = request.model, [event for event in request.history if event.fields]
    history = [given[place] for place in sides.context.history_places]
    explained = [item for item in answer.items[:EXPLAINED_ITEMS] if item.logit is not None]
    keys: dict[tuple[str, str], bytes] = {}
    pairs: dict[bytes, EncodedPair] = {}
    for left_out in history:
        context = encode_context(model, request.context, [event for event in history if event is not left_out])
        context_keys = PairKeys(model.identity, context.token_ids)
        for item in explained:
            item_ids = sides.item_ids[item.item_id]
            key = context_keys.of(item_ids[: model.bundle.spec.item.max_tokens])
            keys[item.item_id, left_out.item_id] = key
            pairs[key] = model.bundle.encoder.join(context, item_ids)
    try:
        outcome = await scorer.score(ScoringWork(model, pairs, request.options.priority, budget, request.call.caller))
    except Overloaded as refusal:
        outcome = ScoringOutcome(faults=[refusal])
    for fault in outcome.faults:
        request.note(reason_of(fault), f"explanation: {fault.message}")
    items = [_explained(item, history, keys, outcome.logits) for item in answer.items]
    return replace(answer, items=tuple(items))


def _explained(
    item: ScoredItem, history: Sequence[HistoryEvent], keys: dict[tuple[str, str], bytes], logits: dict[bytes, float]
) -> ScoredItem:
    logit = item.logit
    if logit is None:
        return item
    found = ((event.item_id, keys.get((item.item_id, event.item_id), b"")) for event in history)
    contributions = [(item_id, logit - logits[key]) for item_id, key in found if key in logits]
    return replace(item, contributions=tuple(sorted(contributions, key=lambda one: -one[1])))
