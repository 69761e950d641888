"""Synthetic requests, the same for every system: seeded contexts and items with the length distribution of a workload.
No context is repeated, so a cache is always cold. Must not know any system."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.render import ContextFields, render_item

if TYPE_CHECKING:  # a worker process must not carry what it does not use
    from training.data.tables import Tables

FIELD = "text"
"""The one field of an item."""

POOL_ITEMS = 2000
CONTEXT_WORDS = (12, 40)
ITEM_WORDS_MEDIAN, ITEM_WORDS_SIGMA, ITEM_WORDS_MOST = 25, 0.5, 120
_SHORTEST_WORD = 3


@dataclass(frozen=True, slots=True)
class Job:
    """One request: a context, and the texts of the items to rank for it."""

    context: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mix:
    """A workload. A context joins ``parts`` (minimum, maximum) random strings of one of ``groups``; the items of a
    request are drawn from ``items`` without replacement."""

    name: str
    items: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    parts: tuple[int, int]
    separator: str

    def jobs(self, candidates: int, seed: int) -> Iterator[Job]:
        """Endless; every context is new. The same seed gives the same jobs."""
        draw = random.Random(seed)
        for context in self.contexts(draw):
            yield Job(context, tuple(draw.sample(self.items, candidates)))

    def contexts(self, draw: random.Random) -> Iterator[str]:
        """Endless and distinct."""
        given: set[str] = set()
        while True:
            group = draw.choice(self.groups)
            parts = draw.sample(group, min(len(group), draw.randint(*self.parts)))
            context = self.separator.join(parts)
            if context not in given:
                given.add(context)
                yield context


def mixed(tokenizer_file: Path, seed: int) -> Mix:
    """Random words of the tokenizer's vocabulary: contexts of 12 to 40 words; items of lognormal length, with
    a median of 25 words and at most 120."""
    words = _words(json.loads(tokenizer_file.read_text(encoding="utf-8")))
    draw = random.Random(seed)
    lengths = np.random.default_rng(seed).lognormal(np.log(ITEM_WORDS_MEDIAN), ITEM_WORDS_SIGMA, POOL_ITEMS)
    counts = np.clip(np.round(lengths), 1, ITEM_WORDS_MOST).astype(int).tolist()
    items = tuple(" ".join(draw.choices(words, k=count)) for count in counts)
    return Mix("mixed", items, (tuple(words),), CONTEXT_WORDS, " ")


def movielens(tables: "Tables", encoder: PairEncoder) -> Mix:
    """MovieLens: a context is titles that one user liked, as many and as truncated as the served model reads them;
    items are the films' texts."""
    fields = {item.item_id: item.fields for item in tables.items}
    titles = {item_id: encoder.encode_context(ContextFields(history=[one])).text for item_id, one in fields.items()}
    liked: dict[str, list[str]] = {}
    for one in tables.interactions:
        if one.weight > 0 and titles.get(one.item_id):
            liked.setdefault(one.user_id, []).append(titles[one.item_id])
    spec = encoder.spec
    shown = spec.context.history_items
    groups = tuple(tuple(dict.fromkeys(group)) for group in liked.values() if len(set(group)) >= 2 * shown)
    texts = dict.fromkeys(render_item(spec.item, one) for one in fields.values())
    return Mix("movielens", tuple(text for text in texts if text), groups, (shown, shown), spec.context.part_separator)


def token_lengths(mix: Mix, encoder: PairEncoder, seed: int, jobs: int = 10) -> Mapping[str, float]:
    """Tokens per pair over ``jobs`` requests of 100 items: ``mean`` and ``p95``."""
    lengths: list[int] = []
    for job, _ in zip(mix.jobs(100, seed), range(jobs), strict=False):
        context = encoder.encode_context(ContextFields(query=job.context))
        lengths += [len(encoder.join(context, encoder.encode_item({FIELD: item})).token_ids) for item in job.items]
    return {"mean": float(np.mean(lengths)), "p95": float(np.percentile(lengths, 95))}


def _words(tokenizer: Mapping[str, Any]) -> Sequence[str]:
    vocabulary = tokenizer["model"]["vocab"]
    names = vocabulary if isinstance(vocabulary, dict) else [entry[0] for entry in vocabulary]
    return sorted(
        name for name in names if name.isascii() and name.isalpha() and name.islower() and len(name) >= _SHORTEST_WORD
    )
