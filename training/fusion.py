"""Fits the fused score of a table: a linear listwise model or LambdaMART. Knows no store and no model."""

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
