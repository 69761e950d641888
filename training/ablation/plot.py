"""Quality against speed of the variants of an ablation, as a picture. Knows no training."""

from collections.abc import Sequence
from pathlib import Path

from training.ablation.table import AblationRow
from training.report_kit import svg

COLOUR, BEST = svg.BLUE, svg.GREEN


def quality_against_speed(rows: Sequence[AblationRow]) -> svg.Figure:
    """One point per variant with its 95 % interval; those that no other beats in both quality and speed are joined."""
    figure, axes = svg.figure(5)
    best = undominated(rows)
    middle = max(one.result.pairs_per_s for one in rows) / 2
    for one in rows:
        place, colour = (one.result.pairs_per_s, one.ndcg.mean), BEST if one in best else COLOUR
        fast = place[0] > middle  # its name stands towards the middle, where there is room, below the falling line
        axes.scatter(*place, color=colour, zorder=3)
        axes.plot([place[0]] * 2, [one.ndcg.low, one.ndcg.high], color=colour, linewidth=0.8, alpha=0.5)
        axes.annotate(
            f"{one.result.variant} ({one.result.layers} layers)",
            place,
            ha="right" if fast else "left",
            xytext=(-6, -11) if fast else (6, 5),
            textcoords="offset points",
            fontsize=8,
        )
    axes.plot([one.result.pairs_per_s for one in best], [one.ndcg.mean for one in best], color=BEST, linewidth=1)
    axes.set_xlabel("pairs a second, in torch on the machine that trained")
    axes.set_ylabel("NDCG@10 of the logit on valid lists")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    return figure


def undominated(rows: Sequence[AblationRow]) -> list[AblationRow]:
    """Variants that no other equals or beats in both numbers and beats in one, slowest first."""

    def beaten(one: AblationRow, other: AblationRow) -> bool:
        mine, others = _numbers(one), _numbers(other)
        return mine != others and all(theirs >= own for own, theirs in zip(mine, others, strict=True))

    kept = [one for one in rows if not any(beaten(one, other) for other in rows)]
    return sorted(kept, key=lambda one: one.result.pairs_per_s)


def _numbers(one: AblationRow) -> tuple[float, float]:
    return one.ndcg.mean, one.result.pairs_per_s


def write_plot(folder: Path, rows: Sequence[AblationRow]) -> list[Path]:
    """``quality_against_speed.svg`` and ``.png``."""
    return svg.save(quality_against_speed(rows), folder / "quality_against_speed")
