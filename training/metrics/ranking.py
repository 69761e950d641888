"""Ranking metrics of one list against its targets. Knows no statistics, no model and no store.

Relevance is binary. Ranks count from 1; a target that is not in the list has no rank. Names are those of ir-measures'
family in lower case, ``name@depth``: ndcg, map, recall, hit_rate; ``mrr`` may stand without a depth.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

METRICS = ("ndcg@10", "map@10", "mrr", "recall@100", "recall@200", "recall@10", "hit_rate@10")
"""Of every evaluation; the first one decides."""

HEADLINE = METRICS[:5]
"""Where there is room for few: tables of a terminal and of the card."""

DECIDING = METRICS[0]

_WHOLE_LIST = 2**31


def target_ranks(ranked: Sequence[str], targets: Sequence[str]) -> list[int]:
    """Ranks of the targets that are in the list, ascending. Raises ValueError when an item stands twice."""
    places = {item_id: rank for rank, item_id in enumerate(ranked, start=1)}
    if len(places) != len(ranked):
        raise ValueError(f"a ranked list of {len(ranked)} items names {len(places)} different ones")
    return sorted(places[item_id] for item_id in set(targets) if item_id in places)


def ndcg(ranks: Sequence[int], targets: int, depth: int) -> float:
    """Normalised discounted cumulative gain: gain 1, discount log2(rank + 1), against all targets first."""
    return _gain(rank for rank in ranks if rank <= depth) / _gain(range(1, min(targets, depth) + 1))


def average_precision(ranks: Sequence[int], targets: int, depth: int) -> float:
    """Mean precision at the targets' ranks up to ``depth``, over all targets."""
    return sum(found / rank for found, rank in enumerate(ranks, start=1) if rank <= depth) / targets


def reciprocal_rank(ranks: Sequence[int], targets: int, depth: int) -> float:
    """1 / rank of the first target up to ``depth``; 0 when there is none."""
    return 1 / ranks[0] if ranks and ranks[0] <= depth else 0.0


def recall(ranks: Sequence[int], targets: int, depth: int) -> float:
    """Share of the targets up to ``depth``."""
    return sum(rank <= depth for rank in ranks) / targets


def hit_rate(ranks: Sequence[int], targets: int, depth: int) -> float:
    """1 when a target stands up to ``depth``."""
    return float(bool(ranks) and ranks[0] <= depth)


_FUNCTIONS: Mapping[str, Callable[[Sequence[int], int, int], float]] = {
    "ndcg": ndcg,
    "map": average_precision,
    "mrr": reciprocal_rank,
    "recall": recall,
    "hit_rate": hit_rate,
}


def measure(ranked: Sequence[str], targets: Sequence[str], metrics: Sequence[str] = METRICS) -> dict[str, float]:
    """The metrics of one list, by name. Raises ValueError for an unknown name, a repeated item or no target."""
    ranks, count = target_ranks(ranked, targets), len(set(targets))
    if not count:
        raise ValueError("a list without a target has no metrics")
    return {name: _value(name, ranks, count) for name in metrics}


def expected_at_random(items: int, targets: int, depth: int = 10) -> float:
    """Expected NDCG of a random order of ``items`` that hold all ``targets``."""
    return targets / items * _gain(range(1, min(depth, items) + 1)) / _gain(range(1, min(targets, depth) + 1))


def _gain(ranks: Iterable[int]) -> float:
    return float(sum(1 / np.log2(rank + 1) for rank in ranks))


def _value(metric: str, ranks: Sequence[int], targets: int) -> float:
    name, at, depth = metric.partition("@")
    if name not in _FUNCTIONS or (at and not depth.isdecimal()) or (not at and name != "mrr") or depth == "0":
        raise ValueError(f"{metric!r} is no metric; known: {', '.join(_FUNCTIONS)}, each as NAME@DEPTH")
    return _FUNCTIONS[name](ranks, targets, int(depth) if at else _WHOLE_LIST)
