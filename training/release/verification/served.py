"""What a running gateway answers for a list: in parts, whole and in another order, cold and from its cache."""

import random

import numpy as np

from crossrank_client import Candidate, CrossrankClient, History, HistoryEvent, RankingOptions, Reading, User
from gateway.domain.values import Item
from training.release.verification.lists import VerificationList
from training.release.verification.reference import Logits

_OPTIONS = RankingOptions(require_rerank=True, reading=Reading.ALWAYS)


async def read_catalogue(client: CrossrankClient, at_most: int = 5000) -> list[Item]:
    """The first items of the catalogue, in order of id."""
    items: list[Item] = []
    async for item in client.list_items():
        items.append(Item(item.item_id, dict(item.fields)))
        if len(items) == at_most:
            break
    return items


async def served_logits(client: CrossrankClient, one: VerificationList, seed: int) -> list[Logits]:
    """Three answers for the same candidates, in their order: from parts of odd sizes in a random order (cold), from
    the whole list (from the cache), and from the whole list shuffled."""
    draw = random.Random(seed)
    order = list(one.candidates)
    draw.shuffle(order)
    cold: dict[str, float] = {}
    while order:
        size = draw.choice((1, 2, 7, 20))
        part, order = order[:size], order[size:]
        cold |= await _logits(client, one, part)
    shuffled = list(one.candidates)
    draw.shuffle(shuffled)
    answers = (cold, await _logits(client, one, list(one.candidates)), await _logits(client, one, shuffled))
    return [np.array([answer[item.item_id] for item in one.candidates], np.float32) for answer in answers]


async def _logits(client: CrossrankClient, one: VerificationList, part: list[Item]) -> dict[str, float]:
    events = tuple(HistoryEvent(item.item_id, item.fields) for item in one.history)
    candidates = [Candidate(item.item_id, item.fields) for item in part]
    subject = History(events) if events else User("a user without a history")
    answer = await client.rerank(subject, candidates, options=_OPTIONS, timeout_s=5.0)
    return {item.item_id: float("nan") if item.logit is None else item.logit for item in answer.items}
