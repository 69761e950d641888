"""Fits the fused score: a linear listwise model over the logit and first-stage signals, then its calibration. Features
and scores are the gateway's own (gateway/ranking.py). Knows no store and no model."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import expit, logsumexp

from gateway.domain import Candidate
from gateway.encoding.spec import FusionSpec, FusionTerm
from gateway.ranking import fusion_features
from training.errors import RunIncomplete

Matrix = npt.NDArray[np.float64]

LOGIT = "logit"
SOURCE_KINDS = ("reciprocal_rank", "log_score")


@dataclass(frozen=True, slots=True)
class ScoredList:
    """One list as served: candidates in first-stage order, a logit each, and what the user liked next."""

    user_id: str
    candidates: Sequence[Candidate]
    logits: Sequence[float]
    targets: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Example:
    """Standardised features of a list [candidates, features] and which rows are targets."""

    features: Matrix
    is_target: npt.NDArray[np.bool_]


def feature_names(sources: Sequence[str], *, with_logit: bool = True) -> tuple[str, ...]:
    """The fusion's features for these sources."""
    names = ["first_stage", *(f"{kind}:{source}" for source in sources for kind in SOURCE_KINDS)]
    return (LOGIT, *names) if with_logit else tuple(names)


def fit_fusion(lists: Sequence[ScoredList], names: Sequence[str], ridge: float = 1e-3) -> FusionSpec:
    """Weights by maximum likelihood of each target among its list, then slope and intercept so that the sigmoid of the
    margin is the chance of being a target. Features that never vary are left out. Raises RunIncomplete when no list
    holds a target."""
    useful = [one for one in lists if any(candidate.item_id in one.targets for candidate in one.candidates)]
    if not useful:
        raise RunIncomplete("no candidate list holds a target", "fetch more candidates, or check the split")
    raw = [fusion_features(names, one.candidates, one.logits) for one in useful]
    stacked = np.concatenate(raw)
    mean, scale = stacked.mean(axis=0), stacked.std(axis=0)
    varying = scale > 1e-12
    examples = [
        _Example((features[:, varying] - mean[varying]) / scale[varying], _is_target(one))
        for features, one in zip(raw, useful, strict=True)
    ]
    weights = _listwise_weights(examples, ridge)
    slope, intercept = _calibration(examples, weights)
    kept = [place for place, varies in enumerate(varying) if varies]
    terms = tuple(
        FusionTerm(names[place], float(slope * weight), float(mean[place]), float(scale[place]))
        for place, weight in zip(kept, weights, strict=True)
    )
    return FusionSpec(terms, float(intercept))


def _is_target(one: ScoredList) -> npt.NDArray[np.bool_]:
    return np.array([candidate.item_id in one.targets for candidate in one.candidates])


def _listwise_weights(examples: Sequence[_Example], ridge: float) -> Matrix:
    width = examples[0].features.shape[1]

    def loss(weights: Matrix) -> tuple[float, Matrix]:
        total, slope = 0.0, np.zeros(width)
        for one in examples:
            scores = one.features @ weights
            chances = np.exp(scores - logsumexp(scores))
            total -= float(np.log(chances[one.is_target]).sum())
            slope += one.is_target.sum() * (chances @ one.features) - one.features[one.is_target].sum(axis=0)
        count = len(examples)
        return total / count + ridge * float(weights @ weights), slope / count + 2 * ridge * weights

    weights: Matrix = minimize(loss, np.zeros(width), jac=True, method="L-BFGS-B").x
    return weights


def _calibration(examples: Sequence[_Example], weights: Matrix) -> tuple[float, float]:
    """Slope (above 0) and intercept of the margin, by logistic regression over all candidates."""
    margins = np.concatenate([one.features @ weights for one in examples])
    targets = np.concatenate([one.is_target for one in examples])

    def loss(parameters: Matrix) -> tuple[float, Matrix]:
        slope, intercept = np.exp(parameters[0]), parameters[1]
        scores = slope * margins + intercept
        errors = expit(scores) - targets
        value = float(np.mean(np.logaddexp(0, scores) - targets * scores))
        return value, np.array([np.mean(errors * margins) * slope, np.mean(errors)])

    slope, intercept = minimize(loss, np.array([0.0, -3.0]), jac=True, method="L-BFGS-B").x
    return float(np.exp(slope)), float(intercept)
