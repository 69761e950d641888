"""Lists to an evaluation: means with intervals, paired tests, segments, what the lists are like. Knows no stack and no
model: who made the lists is their maker's matter."""

from collections.abc import Mapping, Sequence

import numpy as np

from training.evaluation.beyond_accuracy import Catalogue
from training.evaluation.evaluation import Evaluation, Method
from training.evaluation.fields import Items
from training.evaluation.lists import EvaluatedList, check_lists
from training.evaluation.movement import rank_movement
from training.evaluation.plan import EvaluationPlan
from training.evaluation.segments import find_segments, measure_segments
from training.metrics.ranking import DECIDING, expected_at_random, measure
from training.metrics.significance import PairedDifference, Values, bootstrap_intervals, paired_differences

Columns = Mapping[str, Values]
"""Row name to metrics per list, [lists, metrics]."""


def evaluate(
    lists: Sequence[EvaluatedList],
    plan: EvaluationPlan,
    items: Items,
    popularity: Mapping[str, int],
    seed: int = 1,
) -> Evaluation:
    """Measures every row of the lists. ``items``: the catalogue's fields by item id; ``popularity``: how often each
    item had been interacted with when the lists were made (missing: never). Raises ListsInvalid."""
    check_lists(lists, items)
    plan.check(lists[0].orders)
    columns = {name: _measure(lists, name, plan.metrics) for name in lists[0].orders}
    base = max(plan.first_stage, key=lambda name: float(_deciding(columns, name, plan).mean()))
    found = find_segments(lists, plan.shared, items, popularity)
    return Evaluation(
        plan=plan,
        users=len(lists),
        candidates=max(len(one.orders[plan.final]) for one in lists),
        catalogue=len(items),
        methods=_methods(lists, columns, plan, Catalogue(items, popularity), seed),
        base=base,
        paired=_against_every_other(columns, plan, seed),
        changes=dict(zip(plan.metrics, paired_differences(columns[plan.final], columns[base], seed), strict=True)),
        segments=measure_segments(found, lists, base, plan.final, seed),
        movement=rank_movement(lists, base, plan.final),
        random_ndcg=float(np.mean([expected_at_random(len(items), len(set(one.targets))) for one in lists])),
    )


def _measure(lists: Sequence[EvaluatedList], row: str, metrics: Sequence[str]) -> Values:
    measured = [measure(one.orders[row], one.targets, metrics) for one in lists]
    return np.array([[values[name] for name in metrics] for values in measured])


def _deciding(columns: Columns, row: str, plan: EvaluationPlan) -> Values:
    return columns[row][:, plan.metrics.index(DECIDING)]


def _methods(
    lists: Sequence[EvaluatedList], columns: Columns, plan: EvaluationPlan, catalogue: Catalogue, seed: int
) -> list[Method]:
    intervals = iter(bootstrap_intervals(np.concatenate(list(columns.values()), axis=1), seed))
    return [
        Method(
            name,
            {metric: next(intervals) for metric in plan.metrics},
            catalogue.describe([one.orders[name] for one in lists], plan.depth),
        )
        for name in columns
    ]


def _against_every_other(columns: Columns, plan: EvaluationPlan, seed: int) -> dict[str, PairedDifference]:
    others = [name for name in columns if name != plan.final]
    second = np.stack([_deciding(columns, name, plan) for name in others], axis=1)
    first = np.repeat(_deciding(columns, plan.final, plan)[:, None], len(others), axis=1)
    return dict(zip(others, paired_differences(first, second, seed), strict=True))
