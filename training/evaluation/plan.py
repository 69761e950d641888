"""What an evaluation asks: which rows play which part, which metrics, which segments. Knows no list."""

from collections.abc import Collection
from dataclasses import dataclass

from training.evaluation.fields import SharedField
from training.evaluation.lists import ListsInvalid
from training.metrics.ranking import DECIDING, METRICS

RERANKED = "reranked"
CROSS_ENCODER = "cross_encoder"
READER = "reader"
"""The cross-encoder's logit fused with first-stage signals, as its version does."""

WITHOUT_COLD = "without_cold_step"
"""Trees that were fitted on lists without cold items."""


@dataclass(frozen=True, slots=True)
class EvaluationPlan:
    """``first_stage``: rows that need neither the cross-encoder nor a fit; ``learned_without``: rows that are learned,
    but without the cross-encoder; ``final``: the row that is compared with every other. Rows in none of them (the logit
    alone) are shown too.

    ``shared``: fields whose values a target may share with the history, a segment each. ``depth``: of
    coverage, diversity and novelty.
    """

    first_stage: tuple[str, ...]
    learned_without: tuple[str, ...] = ()
    final: str = RERANKED
    shared: tuple[SharedField, ...] = ()
    metrics: tuple[str, ...] = METRICS
    depth: int = 10

    def check(self, rows: Collection[str]) -> None:
        """Raises ListsInvalid when a row is planned that the lists do not have, or there is no first stage."""
        named = [*self.first_stage, *self.learned_without, self.final]
        if missing := [name for name in named if name not in rows]:
            raise ListsInvalid(f"no list has the row {missing[0]!r}", f"rows of the lists: {', '.join(rows)}")
        if not self.first_stage or self.final in self.first_stage + self.learned_without:
            raise ListsInvalid(f"nothing but {self.final!r} is planned", "name first-stage rows to compare it with")
        if DECIDING not in self.metrics:
            raise ListsInvalid(f"{DECIDING} is not among the metrics", "it decides: add it")
