"""Evaluated lists made by hand or at random."""

import numpy as np

from training.evaluation.lists import EvaluatedList
from training.evaluation.plan import EvaluationPlan

CATALOGUE = {f"i{number:02}": {"title": f"film {number}", "author": f"writer {number % 7}"} for number in range(40)}
POPULARITY = {item_id: place for place, item_id in enumerate(CATALOGUE)}
"""The first item was never interacted with."""

PLAN = EvaluationPlan(first_stage=("weak", "noise"), learned_without=("learned",), final="strong")
QUALITY = {"noise": 0.0, "weak": 0.8, "learned": 1.2, "strong": 3.0}


def random_evaluated(count: int, seed: int, quality: dict[str, float] | None = None) -> list[EvaluatedList]:
    """Lists of 40 items with 3 targets and a history of up to 8; a row's scores know as much as its quality says."""
    random = np.random.default_rng(seed)
    items = np.array(list(CATALOGUE))
    lists = []
    for user in range(count):
        shuffled = list(random.permutation(items))
        targets, history = shuffled[:3], shuffled[3 : 4 + int(random.integers(8))]
        liked = np.isin(items, targets)
        orders = {
            name: tuple(items[np.argsort(-(known * liked + random.normal(size=len(items))))])
            for name, known in (quality or QUALITY).items()
        }
        lists.append(EvaluatedList(f"u{user}", tuple(targets), tuple(history), orders))
    return lists
