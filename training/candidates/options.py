"""Numbers of the offline first stages. Knows no source."""

from dataclasses import dataclass


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
