"""The fused score of a model version, ready to use: its spec, and the trees that belong to it. Knows no order."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from gateway.encoding.spec import LOGIT_ONLY, FusionSpec, SpecInvalid, TreeFusion
from gateway.encoding.trees import Trees, read_trees
from gateway.features import FusionInput, Matrix, feature_matrix

TREES_FILE = "fusion.txt"


@dataclass(frozen=True, slots=True)
class Fusion:
    """``trees`` belong to a TreeFusion and to nothing else; their features are those of the spec, in order. Raises
    SpecInvalid where they are not."""

    spec: FusionSpec
    trees: Trees | None = None

    def __post_init__(self) -> None:
        if isinstance(self.spec, TreeFusion) != (self.trees is not None):
            raise SpecInvalid(f"a fusion of kind {self.spec.kind!r} and its trees: one is missing or too much")
        if self.trees is not None and self.trees.features != self.spec.features:
            raise SpecInvalid(
                f"the trees read {', '.join(self.trees.features)}; the spec says {', '.join(self.spec.features)}: "
                "export both from one fit"
            )

    def margins(self, given: FusionInput) -> npt.NDArray[np.float64]:
        """[candidates]: fused scores before the sigmoid. Raises KeyError where a logit that is read is missing."""
        return self.margins_of(feature_matrix(self.spec.features, given))

    def margins_of(self, matrix: Matrix) -> npt.NDArray[np.float64]:
        """[rows] of features [rows, features] in the spec's order."""
        if isinstance(self.spec, TreeFusion):
            sums = self.trees.sums(matrix) if self.trees else np.zeros(len(matrix))
            return self.spec.slope * sums + self.spec.intercept
        margins = np.full(len(matrix), self.spec.intercept)
        for place, term in enumerate(self.spec.terms):
            margins += term.weight * (matrix[:, place] - term.mean) / term.scale
        return margins


LOGIT_FUSION = Fusion(LOGIT_ONLY)


def open_fusion(spec: FusionSpec, trees_file: Path) -> Fusion:
    """The fusion of a spec, with the trees of the file where there is one. Raises SpecInvalid or OSError."""
    try:
        text = trees_file.read_text(encoding="utf-8") if trees_file.exists() else None
    except UnicodeDecodeError as fault:
        raise SpecInvalid(f"{trees_file.name} is not text: {fault}; export again") from fault
    return Fusion(spec, None if text is None else read_trees(text))
