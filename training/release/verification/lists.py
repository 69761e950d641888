"""Lists to verify with: random histories and candidates, the same for the same seed. Knows no model."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.domain.values import EncodedPair, Item
from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import ContextFields, render_item


@dataclass(frozen=True, slots=True)
class VerificationList:
    """One history (most recent first) and its candidates."""

    history: tuple[Item, ...]
    candidates: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class ListPlan:
    """How many lists, how long, and the seed they are drawn with."""

    lists: int = 20
    candidates: int = 50
    longest_history: int = 12
    seed: int = 20261123


def draw_lists(catalogue: Sequence[Item], plan: ListPlan) -> list[VerificationList]:
    """Lists of distinct items; the first history is empty. Raises ValueError for a catalogue that is too small."""
    needed = plan.candidates + plan.longest_history
    if len(catalogue) < needed:
        raise ValueError(f"the catalogue has {len(catalogue)} items; {needed} are needed: index more, or ask for less")
    draw = random.Random(plan.seed)
    lists = []
    for number in range(plan.lists):
        length = 0 if number == 0 else draw.randint(1, plan.longest_history)
        items = draw.sample(list(catalogue), length + plan.candidates)
        lists.append(VerificationList(tuple(items[:length]), tuple(items[length:])))
    return lists


def pair_texts(encoder: PairEncoder, one: VerificationList) -> tuple[str, list[str]]:
    """The texts of both sides: the context once, and each candidate's item side, uncut."""
    context = encoder.encode_context(ContextFields(history=[item.fields for item in one.history]))
    return context.text, [render_item(encoder.spec.item, item.fields) for item in one.candidates]


def encoded_pairs(encoder: PairEncoder, one: VerificationList) -> list[EncodedPair]:
    """The pairs of a list as they are served."""
    context = encoder.encode_context(ContextFields(history=[item.fields for item in one.history]))
    return [encoder.join(context, encoder.encode_item(item.fields)) for item in one.candidates]
