"""Fits the fused score of a table: a linear listwise model or LambdaMART. Knows no store and no model."""

from dataclasses import dataclass

from gateway.encoding.fusion import Fusion
from training.config import FusionOptions
from training.fusion_table import FusionTable
from training.linear_fusion import fit_linear


def fit_fusion(table: FusionTable, options: FusionOptions, seed: int) -> Fusion:
    """A fused score of the kind that the options name, over all features of the table. Raises RunIncomplete where the
    lists do not suffice."""
    if options.kind == "linear":
        return fit_linear(table, options.ridge)
    from training.lambdamart import fit_lambdamart  # LightGBM loads when it is asked for

    return fit_lambdamart(table, options, seed)


@dataclass(frozen=True, slots=True)
class Fusions:
    """The fused score, and the same without the logit."""

    served: Fusion
    without_logit: Fusion


def fit_fusions(table: FusionTable, options: FusionOptions, seed: int) -> Fusions:
    """As fit_fusion, with the logit and without it."""
    without = table.without_logit()
    if options.kind == "linear":
        return Fusions(fit_linear(table, options.ridge), fit_linear(without, options.ridge))
    from training.lambdamart import boost

    boosted = boost(table, options, seed)  # the logit is no feature of the trees: both have the same ones
    return Fusions(boosted.weighed(table), boosted.weighed(without))
