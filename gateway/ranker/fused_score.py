"""The fused score of a model version, ready to use: its spec, and the trees that belong to it. Knows no order."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gateway.ranker.features import LOGIT_FAMILY, FusionInput, feature_family, feature_matrix
from gateway.ranker.spec import LOGIT_ONLY, FusionSpec, SpecInvalid, TreeFusion
from gateway.ranker.trees import Trees, read_trees

TREES_FILE = "fusion.txt"


@dataclass(frozen=True, slots=True)
class Fusion:
    """``trees`` belong to a TreeFusion and to nothing else; their features are those that the spec gives to them, in
    order. Raises SpecInvalid where they are not."""

    spec: FusionSpec
    trees: Trees | None = None

    def __post_init__(self) -> None:
        if isinstance(self.spec, TreeFusion) != (self.trees is not None):
            raise SpecInvalid(f"a fusion of kind {self.spec.kind!r} and its trees: one is missing or too much")
        if isinstance(self.spec, TreeFusion) and self.trees and self.trees.features != self.spec.tree_features:
            raise SpecInvalid(
                f"the trees read {', '.join(self.trees.features)}; the spec says {', '.join(self.spec.tree_features)}: "
                "export both from one fit"
            )

    @property
    def reads_logit(self) -> bool:
        """Whether a candidate without a logit has no score."""
        return any(feature_family(name) == LOGIT_FAMILY for name in self.spec.features)

    def margins(self, given: FusionInput) -> npt.NDArray[np.float64]:
        """[candidates]: fused scores before the sigmoid. Raises KeyError where a logit that is read is missing."""
        return self.margins_of(feature_matrix(self.spec.features, given))

    def margins_of(self, matrix: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
        """[rows] of features [rows, features] in the spec's order."""
        margins = np.full(len(matrix), self.spec.intercept)
        begin = 0
        if isinstance(self.spec, TreeFusion) and self.trees:
            begin = len(self.spec.tree_features)
            margins += self.spec.slope * self.trees.sums(matrix[:, :begin])
        for place, term in enumerate(self.spec.terms, start=begin):
            margins += np.nan_to_num(
                term.weight * (matrix[:, place].astype(np.float64) - term.mean) / term.scale
            )  # missing: as the mean
        return margins


LOGIT_FUSION = Fusion(LOGIT_ONLY)


def open_fusion(spec: FusionSpec, trees_file: Path) -> Fusion:
    """The fusion of a spec, with the trees of the file where there is one. Raises SpecInvalid or OSError."""
    try:
        text = trees_file.read_text(encoding="utf-8") if trees_file.exists() else None
    except UnicodeDecodeError as fault:
        raise SpecInvalid(f"{trees_file.name} is not text: {fault}; export again") from fault
    return Fusion(spec, None if text is None else read_trees(text))
