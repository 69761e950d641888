"""First stage against re-ranked, in numbers: means, 95 % intervals, paired tests. Knows no stack: it reads lists that
were served."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.encoding.spec import LOGIT_ONLY, FusionSpec
from gateway.ranking import rank
from training.metrics import METRICS, Interval, Values, columns, expected_at_random, interval, measure, paired_p_value
from training.served_lists import ServedList

RERANKED = "reranked"
CROSS_ENCODER = "cross_encoder"
WITHOUT_LOGIT = "fusion_without_logit"
DECIDING = "ndcg@10"
SIGNIFICANCE = 0.05


@dataclass(frozen=True, slots=True)
class Method:
    """One row of the table: per-list values and their intervals, by metric."""

    name: str
    values: Mapping[str, Values]
    intervals: Mapping[str, Interval]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All rows, and what they say. ``p_values``: re-ranked against each other row, on NDCG@10."""

    users: int
    candidates: int
    catalogue: int
    methods: Sequence[Method]
    best_first_stage: str
    p_values: Mapping[str, float]
    random_ndcg: float

    def mean(self, name: str, metric: str = DECIDING) -> float:
        """A row's mean."""
        return next(one.intervals[metric].mean for one in self.methods if one.name == name)

    @property
    def first_stage_methods(self) -> list[str]:
        """Rows that need no cross-encoder and no fitted fusion."""
        return [one.name for one in self.methods if one.name not in {RERANKED, CROSS_ENCODER, WITHOUT_LOGIT}]

    @property
    def beats_first_stage(self) -> bool:
        """Re-ranked is significantly better than every first-stage method."""
        return all(
            self.mean(RERANKED) > self.mean(name) and self.p_values[name] < SIGNIFICANCE
            for name in self.first_stage_methods
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for --json."""
        methods = [
            {
                "name": one.name,
                **{metric: one.intervals[metric].mean for metric in METRICS},
                "intervals_95": {metric: [one.intervals[metric].low, one.intervals[metric].high] for metric in METRICS},
            }
            for one in self.methods
        ]
        return {
            "users": self.users,
            "candidates": self.candidates,
            "catalogue": self.catalogue,
            "methods": methods,
            "best_first_stage": self.best_first_stage,
            "reranked": RERANKED,
            "p_value": self.p_values[self.best_first_stage],
            "p_values": dict(self.p_values),
            "reranked_beats_every_first_stage_method": self.beats_first_stage,
            "random_ndcg@10": self.random_ndcg,
        }


def evaluate(
    lists: Sequence[ServedList], without_logit: FusionSpec | None, *, catalogue: int, seed: int = 1
) -> Evaluation:
    """Measures every source alone, the blend, the logit alone, the fusion without the logit, and the served order."""
    orders = {name: [one.by_source[name] for one in lists] for name in lists[0].by_source}
    orders[CROSS_ENCODER] = [_fused(LOGIT_ONLY, one) for one in lists]
    if without_logit is not None:
        orders[WITHOUT_LOGIT] = [_fused(without_logit, one) for one in lists]
    orders[RERANKED] = [one.ranked for one in lists]
    methods = [_method(name, order, lists, seed) for name, order in orders.items()]
    values = {one.name: one.values[DECIDING] for one in methods}
    first_stage = list(lists[0].by_source)
    return Evaluation(
        users=len(lists),
        candidates=max(len(one.candidates) for one in lists),
        catalogue=catalogue,
        methods=methods,
        best_first_stage=max(first_stage, key=lambda name: float(values[name].mean())),
        p_values={
            name: paired_p_value(values[RERANKED], other, seed) for name, other in values.items() if name != RERANKED
        },
        random_ndcg=expected_at_random(catalogue, len(lists[0].targets)),
    )


def _fused(fusion: FusionSpec, one: ServedList) -> tuple[str, ...]:
    """The order that a fusion gives, by the gateway's own ranking."""
    logits = {candidate.item_id: logit for candidate, logit in zip(one.candidates, one.logits, strict=True)}
    return tuple(placed.candidate.item_id for placed in rank(fusion, one.candidates, logits))


def _method(name: str, orders: Sequence[Sequence[str]], lists: Sequence[ServedList], seed: int) -> Method:
    values = columns([measure(order, one.targets) for order, one in zip(orders, lists, strict=True)])
    return Method(name, values, {metric: interval(values[metric], seed) for metric in METRICS})
