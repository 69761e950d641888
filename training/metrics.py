"""Ranking metrics and paired statistics. Knows no model and no store.

Relevance is binary. Ranks count from 1; a target that is not in the list has no rank. Lists come from a total order
whose ties were broken without looking at targets, so a constant scorer scores like the order it breaks ties with;
``expected_at_random`` says what no knowledge at all is worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

METRICS = ("ndcg@10", "map@10", "mrr", "recall@100", "recall@200")


def target_ranks(ranked: Sequence[str], targets: Sequence[str]) -> list[int]:
    """Ranks of the targets that are in the list, ascending. Raises ValueError when an item stands twice."""
    places = {item_id: rank for rank, item_id in enumerate(ranked, start=1)}
    if len(places) != len(ranked):
        raise ValueError(f"a ranked list of {len(ranked)} items names {len(places)} different ones")
    return sorted(places[item_id] for item_id in set(targets) if item_id in places)


def ndcg(ranks: Sequence[int], targets: int, depth: int) -> float:
    """Normalised discounted cumulative gain: gain 1, discount log2(rank + 1), against all targets first."""
    best = sum(1 / np.log2(rank + 1) for rank in range(1, min(targets, depth) + 1))
    return float(sum(1 / np.log2(rank + 1) for rank in ranks if rank <= depth) / best)


def average_precision(ranks: Sequence[int], targets: int, depth: int) -> float:
    """Mean precision at the targets' ranks up to ``depth``, over all targets."""
    return sum(found / rank for found, rank in enumerate(ranks, start=1) if rank <= depth) / targets


def reciprocal_rank(ranks: Sequence[int]) -> float:
    """1 / rank of the first target; 0 when none is in the list."""
    return 1 / ranks[0] if ranks else 0.0


def recall(ranks: Sequence[int], targets: int, depth: int) -> float:
    """Share of the targets up to ``depth``."""
    return sum(rank <= depth for rank in ranks) / targets


def measure(ranked: Sequence[str], targets: Sequence[str]) -> dict[str, float]:
    """All METRICS of one list."""
    ranks, count = target_ranks(ranked, targets), len(set(targets))
    return {
        "ndcg@10": ndcg(ranks, count, 10),
        "map@10": average_precision(ranks, count, 10),
        "mrr": reciprocal_rank(ranks),
        "recall@100": recall(ranks, count, 100),
        "recall@200": recall(ranks, count, 200),
    }


def expected_at_random(items: int, targets: int, depth: int = 10) -> float:
    """Expected NDCG of a random order of ``items`` that hold all ``targets``."""
    gains = sum(targets / items / np.log2(rank + 1) for rank in range(1, min(depth, items) + 1))
    return float(gains / sum(1 / np.log2(rank + 1) for rank in range(1, min(targets, depth) + 1)))


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float


def interval(values: Values, seed: int, samples: int = 2000) -> Interval:
    """Percentile bootstrap over lists."""
    random = np.random.default_rng(seed)
    means = np.array([values[random.integers(len(values), size=len(values))].mean() for _ in range(samples)])
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def paired_p_value(first: Values, second: Values, seed: int, samples: int = 10_000) -> float:
    """Two-sided randomisation test of equal means: signs of the paired differences are flipped at random.

    Never 0: the smallest answer is 1 / (samples + 1). Raises ValueError when the lists are not the same number.
    """
    if first.shape != second.shape:
        raise ValueError(f"{len(first)} and {len(second)} lists cannot be paired")
    differences = first - second
    random = np.random.default_rng(seed)
    observed = abs(differences.sum())
    extreme = 0
    for _ in range(samples // 100):
        signs = random.integers(0, 2, size=(100, len(differences))) * 2 - 1
        extreme += int((np.abs(signs @ differences) >= observed - 1e-12).sum())
    return (extreme + 1) / (samples // 100 * 100 + 1)


def columns(rows: Sequence[Mapping[str, float]]) -> dict[str, Values]:
    """Per-list metrics as one array per metric."""
    return {name: np.array([row[name] for row in rows]) for name in METRICS}
