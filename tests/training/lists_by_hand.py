"""Served lists made by hand: candidates with hits, logits, targets."""

from collections.abc import Mapping, Sequence

import numpy as np

from gateway.candidates.blend import fuse
from gateway.domain.values import Candidate, SourceHit
from training.lists.served import BLEND, ServedList


def source_list(source: str, scores: Mapping[str, float]) -> list[Candidate]:
    """A source's answer: best first."""
    order = sorted(scores, key=lambda item_id: (-scores[item_id], item_id))
    return [
        Candidate(item_id, rank, scores[item_id], (SourceHit(source, rank, scores[item_id]),))
        for rank, item_id in enumerate(order, start=1)
    ]


def served_list(
    user_id: str, by_source: Mapping[str, Mapping[str, float]], logits: Mapping[str, float], targets: Sequence[str]
) -> ServedList:
    """The blend of the sources, ranked by logit alone."""
    lists = {source: source_list(source, scores) for source, scores in by_source.items()}
    blend = fuse(list(lists.values()), 100)
    told = {source: tuple(one.item_id for one in found) for source, found in lists.items()}
    return ServedList(
        user_id=user_id,
        targets=tuple(targets),
        by_source={**told, BLEND: tuple(one.item_id for one in blend)},
        candidates=tuple(blend),
        logits=tuple(logits[one.item_id] for one in blend),
        ranked=tuple(sorted(told[next(iter(told))], key=lambda item_id: -logits[item_id])),
    )


def random_lists(count: int, *, logit_quality: float, seed: int) -> list[ServedList]:
    """Lists of 30 items and 3 targets; source "weak" knows a little, the logit as much as ``logit_quality`` says."""
    random = np.random.default_rng(seed)
    items = [f"i{number:02}" for number in range(30)]
    lists = []
    for user in range(count):
        targets = list(random.choice(items, 3, replace=False))
        liked = np.array([item_id in targets for item_id in items], dtype=float)
        weak = np.exp(0.8 * liked + random.normal(size=30))
        noise = np.exp(random.normal(size=30))
        logits = logit_quality * liked + random.normal(size=30)
        lists.append(
            served_list(
                f"u{user}",
                {
                    "weak": dict(zip(items, weak.tolist(), strict=True)),
                    "noise": dict(zip(items, noise.tolist(), strict=True)),
                },
                dict(zip(items, logits.tolist(), strict=True)),
                targets,
            )
        )
    return lists
