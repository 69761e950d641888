"""Margins of a fused score to probabilities of being a target (Platt, 1999). Knows no way of fitting margins."""

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit

from training.ranker.table import Values

LARGEST_LOG_SLOPE = 7.0
"""Margins that tell nothing must not lose their order, nor margins that tell all become infinite."""


def platt_scaling(margins: Values, is_target: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Slope (above 0) and intercept, by logistic regression of being a target on the margins [rows]."""

    def loss(parameters: Values) -> tuple[float, Values]:
        slope, intercept = np.exp(parameters[0]), parameters[1]
        scores = slope * margins + intercept
        errors = expit(scores) - is_target
        value = float(np.mean(np.logaddexp(0, scores) - is_target * scores))
        return value, np.array([np.mean(errors * margins) * slope, np.mean(errors)])

    bounds = [(-LARGEST_LOG_SLOPE, LARGEST_LOG_SLOPE), (None, None)]
    slope, intercept = minimize(loss, np.array([0.0, -3.0]), jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(np.exp(slope)), float(intercept)
