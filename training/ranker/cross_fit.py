"""Tells honestly how good a fusion is on the lists that it is fitted on: every list is scored by a fusion fitted on
other users. Knows no way of fitting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gateway.ranker.features import feature_family
from gateway.ranker.fused_score import Fusion
from training.errors import RunIncomplete
from training.ranker.table import Counts, FusionTable, Values

Fit = Callable[[FusionTable], Fusion]

FOLDS = 5
DEPTH = 10


def fold_of_lists(table: FusionTable, folds: int, seed: int) -> Counts:
    """[lists]: the fold of each list's user, drawn with the seed. Users with a target among their candidates are spread
    evenly. Raises RunIncomplete when there are fewer of these than folds."""
    has_target = dict.fromkeys(table.users, False)
    for user, hits in zip(table.users, table.hits, strict=True):
        has_target[user] |= bool(hits)
    if sum(has_target.values()) < folds:
        raise RunIncomplete(
            f"{sum(has_target.values())} users have a target among their candidates; {folds} folds need one each",
            "give more users, or do without folds: fusion.kind = 'linear', teacher.fusion = false",
        )
    random = np.random.default_rng(seed)
    users = sorted(has_target)
    shuffled = [users[place] for place in random.permutation(len(users))]
    order = sorted(shuffled, key=lambda user: not has_target[user])
    fold = {user: place % folds for place, user in enumerate(order)}
    return np.array([fold[user] for user in table.users], dtype=np.int64)


def out_of_fold(table: FusionTable, fit: Fit, folds: int = FOLDS, seed: int = 1) -> Values:
    """[rows] of the table: margins, each by a fusion fitted without the row's fold of users."""
    fold = fold_of_lists(table, folds, seed)
    margins = np.zeros(len(table.matrix))
    for number in range(folds):
        held = fold == number
        fusion = fit(table.of_lists(~held))
        features = table.of_lists(held).with_features(fusion.spec.features)
        margins[np.repeat(held, table.sizes)] = fusion.margins_of(features.matrix)
    return margins


def ndcg_by_list(table: FusionTable, margins: Values, depth: int = DEPTH) -> Values:
    """[lists]: NDCG of the order by margins [rows], equal ones in first-stage order; against all targets first."""
    discounts = 1 / np.log2(np.arange(2, depth + 2))
    ideal = np.concatenate([[0.0], np.cumsum(discounts)])[np.minimum(table.targets, depth)]
    gains = np.zeros(len(table.sizes))
    for number, (start, size) in enumerate(zip(table.starts, table.sizes, strict=True)):
        order = np.argsort(-margins[start : start + size], kind="stable")[:depth]
        gains[number] = discounts[: len(order)] @ table.is_target[start + order]
    return np.divide(gains, ideal, out=np.zeros_like(gains), where=ideal > 0)


@dataclass(frozen=True, slots=True)
class Ablation:
    """What is lost without a group of features: out-of-fold NDCG@10 with all, and without them."""

    left_out: str
    features: tuple[str, ...]
    ndcg: float
    change: float


def families(names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """The features by family, in the order of their first."""
    found: dict[str, tuple[str, ...]] = {}
    for name in names:
        family = feature_family(name)
        found[family] = (*found.get(family, ()), name)
    return found


def ablate(
    table: FusionTable,
    fit: Fit,
    groups: Mapping[str, Sequence[str]] | None = None,
    *,
    folds: int = FOLDS,
    seed: int = 1,
) -> list[Ablation]:
    """First a row for nothing left out, then one per group (default: the families) in their order."""
    whole = float(ndcg_by_list(table, out_of_fold(table, fit, folds, seed)).mean())
    rows = [Ablation("nothing", (), whole, 0.0)]
    for group, features in (groups if groups is not None else families(table.names)).items():
        left = [name for name in table.names if name not in features]
        if left:
            fewer = table.with_features(left)
            ndcg = float(ndcg_by_list(fewer, out_of_fold(fewer, fit, folds, seed)).mean())
            rows.append(Ablation(group, tuple(features), ndcg, ndcg - whole))
    return rows
