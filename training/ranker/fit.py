"""Fits the fused score of a table, a linear listwise model or LambdaMART, and what it must beat. Knows no store and no
model."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from gateway.ranker.fused_score import Fusion
from training.errors import RunIncomplete
from training.options.config import FusionOptions
from training.ranker.baselines import TREES_WITHOUT_LOGIT, WITHOUT_LOGIT
from training.ranker.linear import fit_linear
from training.ranker.table import FusionTable


def fit_fusion(table: FusionTable, options: FusionOptions, seed: int) -> Fusion:
    """A fused score of the kind that the options name, over all features of the table. Raises RunIncomplete where the
    lists do not suffice."""
    if options.kind == "linear":
        return fit_linear(table, options.ridge)
    from training.ranker.lambdamart import fit_lambdamart  # LightGBM loads when it is asked for

    return fit_lambdamart(table, options, seed)


@dataclass(frozen=True, slots=True)
class Fusions:
    """The fused score that is served, and those that are learned without the logit, by the name of their row."""

    served: Fusion
    without_logit: Mapping[str, Fusion] = field(default_factory=dict)


def fit_fusions(table: FusionTable, options: FusionOptions, seed: int) -> Fusions:
    """As fit_fusion, with the logit and without it; where trees are not served, they are a baseline of their own, as
    far as the lists suffice for them."""
    from training.ranker.lambdamart import boost

    without = table.without_logit()
    if options.kind != "linear":
        boosted = boost(table, options, seed)  # the logit is no feature of the trees: both have the same ones
        return Fusions(boosted.weighed(table), {WITHOUT_LOGIT: boosted.weighed(without)})
    baselines = {WITHOUT_LOGIT: fit_linear(without, options.ridge)}
    with suppress(RunIncomplete):  # too few lists for trees: no rival
        baselines[TREES_WITHOUT_LOGIT] = boost(without, options, seed).weighed(without)
    return Fusions(fit_linear(table, options.ridge), baselines)
