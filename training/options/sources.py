"""Numbers of the offline first stages. Knows no source."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from training.errors import ConfigInvalid
from training.options.validation import MANY, Options, Positive, Seed, Texts, Weight

SOURCES = (
    "als",
    "item_knn",
    "bm25",
    "text_max",
    "text_recent",
    "popular",
    "item_knn_recent",
    "follows",
    "ease",
    "ease_recent",
    "bm25_recent",
)
"""Names of the offline first stages (training/first_stage/fold_first_stage.py)."""


@dataclass(frozen=True)
class SourceOptions(Options, section="candidates"):
    """The offline first stage that candidate lists come from. The defaults were chosen on valid lists of goodbooks."""

    neighbors: Annotated[Positive, Field(description="Nearest items of each item that item_knn keeps.")] = 10
    shrink: Annotated[Weight, Field(description="Of item_knn: rare pairs count less.")] = 10.0
    factors: Annotated[int, Field(ge=1, le=4096, description="Dimensions of ALS.")] = 64
    alpha: Annotated[Weight, Field(description="Confidence that ALS gives to a positive.")] = 10.0
    iterations: Annotated[int, Field(ge=1, le=1000, description="Of ALS.")] = 15
    ease_ridge: Annotated[float, Field(ge=1e-9, le=MANY, description="L2 regularisation of EASE.")] = 300.0
    recent: Annotated[Positive, Field(description="Newest items of a history that text and recency sources read.")] = 20
    fused: Annotated[Texts, Field(description="Sources to fuse by rank.")] = ("als", "item_knn", "bm25", "text_max")
    fused_depth: Annotated[Positive, Field(description="First ranks of each fused source that count.")] = 500
    depth: Annotated[Positive, Field(description="Candidates of a list.")] = 200
    seed: Annotated[Seed, Field(description="Of ALS.")] = 42

    def require_known(self) -> None:
        """Raises ConfigInvalid when ``fused`` names what is none of SOURCES."""
        unknown = [name for name in self.fused if name not in SOURCES]
        if unknown or not self.fused:
            raise ConfigInvalid(
                f"candidates.fused names {unknown[0]!r}" if unknown else "candidates.fused names no source",
                f"use some of {', '.join(SOURCES)}",
            )
