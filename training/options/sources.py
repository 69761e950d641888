"""Numbers of the offline first stages. Knows no source."""

from dataclasses import dataclass

from training.errors import ConfigInvalid

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


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """Numbers of the sources (chosen on goodbooks, valid) and of the fused list: ``depth`` candidates from the first
    ``fused_depth`` ranks of each of ``fused``."""

    neighbors: int = 10
    shrink: float = 10.0
    factors: int = 64
    alpha: float = 10.0
    iterations: int = 15
    ease_ridge: float = 300.0
    recent: int = 20
    fused: tuple[str, ...] = ("als", "item_knn", "bm25", "text_max")
    fused_depth: int = 500
    depth: int = 200
    seed: int = 42

    def require_known(self) -> None:
        """Raises ConfigInvalid when ``fused`` names what is none of SOURCES."""
        unknown = [name for name in self.fused if name not in SOURCES]
        if unknown or not self.fused:
            raise ConfigInvalid(
                f"candidates.fused names {unknown[0]!r}" if unknown else "candidates.fused names no source",
                f"use some of {', '.join(SOURCES)}",
            )
