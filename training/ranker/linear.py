"""The linear fused score, fitted listwise: targets as likely as can be in their lists. Knows no store and no model."""

import numpy as np
from scipy.optimize import minimize

from gateway.ranker.features import Matrix
from gateway.ranker.fused_score import Fusion
from gateway.ranker.spec import FusionTerm, LinearFusion
from training.ranker.calibration import platt_scaling
from training.ranker.table import FusionTable, Values


def fit_linear(table: FusionTable, ridge: float = 1e-3) -> Fusion:
    """As fit_linear_spec, ready to use."""
    return Fusion(fit_linear_spec(table, ridge))


def fit_linear_spec(table: FusionTable, ridge: float = 1e-3) -> LinearFusion:
    """Weights by maximum likelihood of each target among its list, then slope and intercept so that the sigmoid of the
    margin is the probability of being a target. Features that never vary are left out; what is missing counts as the
    mean."""
    matrix = np.asarray(table.matrix, np.float64)
    mean, scale = _moments(matrix)
    varies = scale > 1e-12
    standard = np.nan_to_num((matrix[:, varies] - mean[varies]) / scale[varies])
    weights = _listwise_weights(standard, table, ridge)
    slope, intercept = platt_scaling(standard @ weights, table.is_target)
    terms = tuple(
        FusionTerm(table.names[place], float(slope * weight), float(mean[place]), float(scale[place]))
        for place, weight in zip(np.flatnonzero(varies), weights, strict=True)
    )
    return LinearFusion(terms, intercept)


def _moments(matrix: Matrix) -> tuple[Values, Values]:
    """Mean and standard deviation of each column [names], of what is not missing; 0 where all of it is."""
    there = ~np.isnan(matrix)
    count = np.maximum(there.sum(axis=0), 1)
    mean = np.where(there, matrix, 0.0).sum(axis=0) / count
    return mean, np.sqrt((np.where(there, matrix - mean, 0.0) ** 2).sum(axis=0) / count)


def _listwise_weights(standard: Matrix, table: FusionTable, ridge: float) -> Values:
    starts, hits = table.starts, table.hits
    hits_of_row, count = np.repeat(hits, table.sizes), max(int((hits > 0).sum()), 1)

    def loss(weights: Values) -> tuple[float, Values]:
        scores = standard @ weights
        scores -= np.repeat(np.maximum.reduceat(scores, starts), table.sizes)
        exponentials = np.exp(scores)
        sums = np.add.reduceat(exponentials, starts)
        probabilities = exponentials / np.repeat(sums, table.sizes)
        total = float(hits @ np.log(sums)) - float(scores[table.is_target].sum())
        slope = (hits_of_row * probabilities - table.is_target) @ standard
        return total / count + ridge * float(weights @ weights), slope / count + 2 * ridge * weights

    weights: Values = minimize(loss, np.zeros(standard.shape[1]), jac=True, method="L-BFGS-B").x
    return weights
