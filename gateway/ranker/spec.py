"""The fused score as data: which signals are read and how they are weighted. Ships inside a model version's encoding
spec. Knows no text."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from gateway.ranker.features import FeatureUnknown, check_features


class SpecInvalid(ValueError):
    """The spec file cannot be used; the message names the key, what was found and what is expected."""


@dataclass(frozen=True, slots=True)
class FusionTerm:
    """One feature of the fused score: ``weight * (value - mean) / scale``. Names: gateway/ranker/features.py."""

    feature: str
    weight: float
    mean: float = 0.0
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class LinearFusion:
    """Weighted features; the score is the sigmoid of their sum and the intercept."""

    terms: tuple[FusionTerm, ...]
    intercept: float = 0.0
    kind: Literal["linear"] = "linear"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that are read, in order."""
        return tuple(term.feature for term in self.terms)


@dataclass(frozen=True, slots=True)
class TreeFusion:
    """Boosted trees over ``tree_features``, which stand in their file (gateway/ranker/trees.py), and weighted
    terms of other features; the score is the sigmoid of ``slope`` times their sum, plus terms and intercept."""

    tree_features: tuple[str, ...]
    slope: float
    intercept: float
    terms: tuple[FusionTerm, ...] = ()
    kind: Literal["lambdamart"] = "lambdamart"

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that are read: those of the trees, then those of the terms."""
        return (*self.tree_features, *(term.feature for term in self.terms))


FusionSpec = LinearFusion | TreeFusion

LOGIT_ONLY = LinearFusion((FusionTerm("logit", 1.0),))


def parse_fusion(data: Mapping[str, Any]) -> FusionSpec:
    """The fusion of plain data. Raises SpecInvalid, or KeyError or TypeError where keys are missing or too many."""
    kind = data["kind"]
    terms = tuple(FusionTerm(**term) for term in data["terms"])
    if kind == "linear":
        fusion: FusionSpec = LinearFusion(**{**data, "terms": terms})
    elif kind == "lambdamart":
        fusion = TreeFusion(**{**data, "terms": terms, "tree_features": tuple(data["tree_features"])})
    else:
        raise SpecInvalid(f"fusion.kind is {kind!r}; it must be 'linear' or 'lambdamart'")
    _check_fusion(fusion)
    return fusion


def _check_fusion(fusion: FusionSpec) -> None:
    try:
        check_features(fusion.features)
    except FeatureUnknown as fault:
        raise SpecInvalid(f"fusion: {fault}") from fault
    if isinstance(fusion, TreeFusion) and not fusion.slope > 0:
        raise SpecInvalid(f"fusion.slope is {fusion.slope}; it must be above 0, else the order turns round")
    if any(term.scale == 0 for term in fusion.terms):
        raise SpecInvalid("a fusion term has scale 0; fit the fusion on lists where its feature varies")
    numbers = [fusion.intercept, *(number for term in fusion.terms for number in (term.weight, term.mean, term.scale))]
    if isinstance(fusion, TreeFusion):
        numbers.append(fusion.slope)
    if not all(map(math.isfinite, numbers)):
        raise SpecInvalid("a number of the fusion is not finite; fit it again")
