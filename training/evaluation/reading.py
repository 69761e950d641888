"""Whether reading pays, by kind of request: what the cross-encoder's order gains over what is known without it. Knows
no model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gateway.domain.order import RequestKind
from training.evaluation.lists import EvaluatedList
from training.evaluation.plan import CROSS_ENCODER, READER, RERANKED
from training.metrics.ranking import DECIDING, measure
from training.metrics.significance import SIGNIFICANCE, paired_differences

TEXT_SOURCE = "text_ann"


@dataclass(frozen=True, slots=True)
class ReadingRow:
    """NDCG@10 of both orders on the same candidates, and the paired difference: 95 % interval, p after Holm."""

    kind: str
    reader: float
    without: float
    difference: float
    low: float
    high: float
    p: float

    @property
    def pays(self) -> bool:
        """Whether reading is significantly better."""
        return self.difference > 0 and self.p < SIGNIFICANCE


def judge_reading(lists: Sequence[EvaluatedList], seed: int = 1) -> list[ReadingRow]:
    """``warm``: the version's fused score against what was fitted. ``inline``, items of which only the text is known:
    the logit alone against the bi-encoder's order of the same candidates, those that it does not propose behind. Other
    kinds (queries, new users) need data that tells of them: nobody can say from histories that reading pays there."""
    reader = np.array([[_ndcg(one, READER), _ndcg(one, CROSS_ENCODER)] for one in lists])
    without = np.array([[_ndcg(one, RERANKED), _value(one, _by_text(one))] for one in lists])
    found = paired_differences(reader, without, seed)
    kinds = (RequestKind.WARM, RequestKind.INLINE)
    means = zip(kinds, reader.mean(axis=0).tolist(), without.mean(axis=0).tolist(), found, strict=True)
    return [
        ReadingRow(kind.value, with_reader, without_it, one.difference, one.low, one.high, one.p_holm)
        for kind, with_reader, without_it, one in means
    ]


def _by_text(one: EvaluatedList) -> tuple[str, ...]:
    places = {item_id: place for place, item_id in enumerate(one.orders[TEXT_SOURCE])}
    candidates = one.orders[CROSS_ENCODER]
    return tuple(sorted(sorted(candidates), key=lambda item_id: places.get(item_id, len(places))))


def _ndcg(one: EvaluatedList, row: str) -> float:
    return _value(one, one.orders[row])


def _value(one: EvaluatedList, order: Sequence[str]) -> float:
    return measure(order, one.targets, [DECIDING])[DECIDING]
