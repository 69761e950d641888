"""Fits the fused score of a table: a linear listwise model or LambdaMART. Knows no store and no model."""

import numpy as np
from scipy.optimize import minimize

from gateway.encoding.fusion import Fusion
from gateway.encoding.spec import FusionTerm, LinearFusion
from gateway.features import Matrix
from training.chances import calibrate
from training.config import FusionOptions
from training.fusion_table import FusionTable, Values


def fit_fusion(table: FusionTable, options: FusionOptions, seed: int) -> Fusion:
    """A fused score of the kind that the options name, over all features of the table. Raises RunIncomplete where the
    lists do not suffice."""
    if options.kind == "linear":
        return fit_linear(table, options.ridge)
    from training.lambdamart import fit_lambdamart  # LightGBM loads when it is asked for

    return fit_lambdamart(table, options, seed)


def fit_linear(table: FusionTable, ridge: float = 1e-3) -> Fusion:
    """Weights by maximum likelihood of each target among its list, then slope and intercept so that the sigmoid of the
    margin is the chance of being a target. Features that never vary are left out."""
    mean, scale = table.matrix.mean(axis=0), table.matrix.std(axis=0)
    varies = scale > 1e-12
    standard = (table.matrix[:, varies] - mean[varies]) / scale[varies]
    weights = _listwise_weights(standard, table, ridge)
    slope, intercept = calibrate(standard @ weights, table.is_target)
    terms = tuple(
        FusionTerm(table.names[place], float(slope * weight), float(mean[place]), float(scale[place]))
        for place, weight in zip(np.flatnonzero(varies), weights, strict=True)
    )
    return Fusion(LinearFusion(terms, intercept))


def _listwise_weights(standard: Matrix, table: FusionTable, ridge: float) -> Values:
    starts, hits = table.starts, table.hits
    hits_of_row, count = np.repeat(hits, table.sizes), max(int((hits > 0).sum()), 1)

    def loss(weights: Values) -> tuple[float, Values]:
        scores = standard @ weights
        scores -= np.repeat(np.maximum.reduceat(scores, starts), table.sizes)
        exponentials = np.exp(scores)
        sums = np.add.reduceat(exponentials, starts)
        chances = exponentials / np.repeat(sums, table.sizes)
        total = float(hits @ np.log(sums)) - float(scores[table.is_target].sum())
        slope = (hits_of_row * chances - table.is_target) @ standard
        return total / count + ridge * float(weights @ weights), slope / count + 2 * ridge * weights

    weights: Values = minimize(loss, np.zeros(standard.shape[1]), jac=True, method="L-BFGS-B").x
    return weights
