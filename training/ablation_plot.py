"""Quality against speed of the variants of an ablation, as a picture. Knows no training."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from training.ablation import VariantResult

COLOUR, BEST = "#7f95ad", "#2f9e77"


def quality_against_speed(results: Sequence[VariantResult]) -> Figure:
    """One point per variant; those that no other beats in both quality and speed are joined."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    best = undominated(results)
    for one in results:
        axes.scatter(one.pairs_per_s, one.ndcg, color=BEST if one in best else COLOUR, zorder=3)
        axes.annotate(
            f"{one.variant} ({one.layers} layers)",
            (one.pairs_per_s, one.ndcg),
            xytext=(5, 4),
            textcoords="offset points",
            fontsize=8,
        )
    axes.plot([one.pairs_per_s for one in best], [one.ndcg for one in best], color=BEST, linewidth=1)
    axes.set_xlabel("pairs a second, in torch on the machine that trained")
    axes.set_ylabel("NDCG@10 of the logit on valid lists")
    axes.set_xlim(left=0)
    axes.margins(x=0.2)
    axes.grid(alpha=0.3)
    return figure


def undominated(results: Sequence[VariantResult]) -> list[VariantResult]:
    """Variants that no other equals or beats in both numbers and beats in one, slowest first."""
    kept = [
        one
        for one in results
        if not any(
            other.ndcg >= one.ndcg
            and other.pairs_per_s >= one.pairs_per_s
            and (other.ndcg, other.pairs_per_s) != (one.ndcg, one.pairs_per_s)
            for other in results
        )
    ]
    return sorted(kept, key=lambda one: one.pairs_per_s)


def write_plot(folder: Path, results: Sequence[VariantResult]) -> list[Path]:
    """``quality_against_speed.svg`` and ``.png``."""
    figure = quality_against_speed(results)
    files = [folder / f"quality_against_speed.{kind}" for kind in ("svg", "png")]
    with mpl.rc_context({"svg.hashsalt": "ablation"}):
        figure.savefig(files[0], metadata={"Date": None})
        figure.savefig(files[1], dpi=150)
    return files
