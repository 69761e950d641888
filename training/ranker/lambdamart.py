"""LambdaMART (Burges 2010) through LightGBM: one booster per fold of users, joined into one file of trees that the
gateway evaluates. The logit is no feature of the trees: it joins their sum with a weight of its own, which few lists
suffice to find and which is the same for every item. Knows no store and no model."""

import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import lightgbm
import numpy as np
import numpy.typing as npt

from gateway.ranker.fused_score import Fusion
from gateway.ranker.spec import TreeFusion
from gateway.ranker.trees import Trees, file_name_of, read_trees
from training.errors import RunIncomplete
from training.options.config import FusionOptions
from training.ranker.cross_fit import FOLDS, fold_of_lists
from training.ranker.linear import fit_linear_spec
from training.ranker.table import Counts, FusionTable, Values

DEPTH = 10
"""Of the NDCG that is learned."""

BINS = 63
"""Of a feature: as good as LightGBM's 255 on lists of a few hundred thousand candidates, in half the time."""

_TREES = "trees"
"""Their sum, among the names of features to be weighed."""

_SERVED = frozenset(
    "num_leaves num_cat split_feature threshold decision_type left_child right_child leaf_value is_linear".split()
)


@dataclass(frozen=True, slots=True)
class Boosted:
    """The ``trees`` of ``boosters`` boosters over the features ``names``, and their ``margins`` [rows]: of the lists
    ``seen`` [lists], each by a booster that was not fitted on them."""

    names: tuple[str, ...]
    trees: Trees
    boosters: int
    margins: Values
    seen: npt.NDArray[np.bool_]

    def weighed(self, table: FusionTable) -> Fusion:
        """The mean of the trees with weights of its own beside whatever else the table has: the logit, or nothing.
        Weights and intercept come from rows that no booster saw (probabilities come out a little low: the mean
        varies less than one booster). Raises RunIncomplete when the trees tell nothing."""
        others = [name for name in table.names if name not in self.names]
        beside = table.with_features(others)
        matrix = np.column_stack([self.margins, beside.matrix])
        spec = fit_linear_spec(replace(beside, names=(_TREES, *others), matrix=matrix).of_lists(self.seen))
        weighed = {term.feature: term for term in spec.terms}  # what never varies is left out
        trees = weighed.pop(_TREES, None)
        if trees is None or trees.weight <= 0:
            raise RunIncomplete(
                "LambdaMART ranks users that it was not fitted on no better than chance",
                "give more lists, or set fusion.kind to 'linear'",
            )
        slope = trees.weight / trees.scale
        intercept = spec.intercept - slope * trees.mean
        return Fusion(TreeFusion(self.names, slope / self.boosters, intercept, tuple(weighed.values())), self.trees)


def fit_lambdamart(table: FusionTable, options: FusionOptions, seed: int) -> Fusion:
    """``options.bag`` boosters, each fitted without one fold of users and stopped where these are ranked best; the mean
    of them is served. Same table, options and seed: same bytes. Raises RunIncomplete when there are fewer users with a
    target than folds, or the trees tell nothing."""
    return boost(table, options, seed).weighed(table)


def boost(table: FusionTable, options: FusionOptions, seed: int) -> Boosted:
    """The trees of a table. Raises RunIncomplete as fit_lambdamart."""
    own = table.without_logit()
    folds = fold_of_lists(table, max(options.bag, FOLDS), seed)
    boosters, margins = [], np.zeros(len(own.matrix))
    for fold, booster in enumerate(_boosters(own, folds, options, seed) if own.names else ()):
        held = folds == fold
        margins[np.repeat(held, own.sizes)] = booster.predict(own.of_lists(held).matrix)
        boosters.append(booster.model_to_string(num_iteration=booster.best_iteration))
    trees = read_trees(join(boosters)) if boosters else None
    if trees is None or not trees.nodes.is_inner.any():
        raise RunIncomplete("LambdaMART found nothing to split", "give more lists, or set fusion.kind to 'linear'")
    return Boosted(own.names, trees, len(boosters), margins, folds < options.bag)


def _boosters(table: FusionTable, folds: Counts, options: FusionOptions, seed: int) -> Iterator[lightgbm.Booster]:
    """One for each fold that it does not see."""
    useful = table.hits > 0  # of the others there is nothing to learn
    binned = _binned(table, options)

    def fitted(fold: int) -> lightgbm.Booster:
        learned, held = (np.repeat(useful & chosen, table.sizes) for chosen in (folds != fold, folds == fold))
        learned &= table.is_target | (np.random.default_rng(seed + fold).random(len(learned)) < options.negative_share)
        return _fit(_subset(binned, learned), _subset(binned, held), options, seed + fold)

    with ThreadPoolExecutor(os.cpu_count()) as pool:  # one thread a booster: its trees are the same on every machine
        yield from pool.map(fitted, range(options.bag))


def join(models: Sequence[str]) -> str:
    """One model in LightGBM's text form whose value is the sum of all; only what evaluating it needs."""
    header = models[0].partition("\nTree=")[0]
    kept = "\n".join(line for line in header.strip().splitlines() if not line.startswith("tree_sizes="))
    trees = [tree for model in models for tree in re.split(r"\nTree=\d+\n", model.partition("\nend of trees")[0])[1:]]
    blocks = [f"Tree={number}\n{_served(tree)}\n" for number, tree in enumerate(trees)]
    return "\n\n".join([kept, *blocks, "end of trees"]) + "\n"


def _served(tree: str) -> str:
    return "\n".join(line for line in tree.splitlines() if line.partition("=")[0] in _SERVED)


def _fit(learned: lightgbm.Dataset, held: lightgbm.Dataset, options: FusionOptions, seed: int) -> lightgbm.Booster:
    parameters = {
        "objective": "lambdarank",
        "metric": "ndcg",
        "eval_at": [DEPTH],
        "lambdarank_truncation_level": 2 * DEPTH,
        "learning_rate": options.learning_rate,
        "num_leaves": options.leaves,
        "feature_fraction": options.feature_share,
        "lambda_l2": options.ridge,
        "seed": seed,
        "deterministic": True,
        "force_col_wise": True,  # the same trees as by rows, sooner where a tree sees a part of the features
        "num_threads": 1,
        **_binning(options),
    }
    return lightgbm.train(
        parameters,
        learned,
        num_boost_round=options.trees,
        valid_sets=[held],
        callbacks=[lightgbm.early_stopping(options.patience, verbose=False)],
    )


def _binning(options: FusionOptions) -> dict[str, int]:
    """What data must have in common with the booster that is fitted on it."""
    return {"max_bin": BINS, "min_data_in_leaf": options.leaf_items, "data_random_seed": 1, "verbosity": -1}


def _binned(table: FusionTable, options: FusionOptions) -> lightgbm.Dataset:
    """All lists in bins, once for all boosters: that takes as long as fitting one of them."""
    data = lightgbm.Dataset(
        table.matrix,
        label=table.is_target.astype(np.float64),
        group=table.sizes,
        weight=None if table.weights is None else np.repeat(table.weights, table.sizes),
        feature_name=[file_name_of(name) for name in table.names],
        params=_binning(options),
    )
    return data.construct()


def _subset(binned: lightgbm.Dataset, chosen: npt.NDArray[np.bool_]) -> lightgbm.Dataset:
    """The rows [rows] that are chosen."""
    if not chosen.any():
        raise RunIncomplete("a fold of users has no target among its candidates", "set fusion.kind to 'linear'")
    return binned.subset(np.flatnonzero(chosen).tolist())
