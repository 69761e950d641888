"""What was measured, as JSON and as Markdown. Must not measure."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway.domain.files import replace_json, replace_text
from training.gpu_check.card import Card
from training.gpu_check.exactness import HalfExactness
from training.gpu_check.speed import Speed
from training.report_kit.markdown import render_markdown

JSON_FILE, MARKDOWN_FILE = "gpu-check.json", "gpu-check.md"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Of one card. ``faults``: modes that could not run there. ``quick``: a trial of the program, no measurement."""

    card: Card
    exactness: tuple[HalfExactness, ...]
    speeds: tuple[Speed, ...]
    faults: tuple[str, ...]
    quick: bool

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    def write(self, folder: Path) -> None:
        """Both files into ``folder``, which is made."""
        folder.mkdir(parents=True, exist_ok=True)
        replace_json(folder / JSON_FILE, self.to_dict())
        replace_text(folder / MARKDOWN_FILE, self.to_markdown())

    def to_markdown(self) -> str:
        """Stands alone."""
        return render_markdown(
            "training.gpu_check",
            "report.md.jinja",
            card=self.card,
            quick=self.quick,
            faults=self.faults,
            exactness_columns=EXACTNESS_COLUMNS,
            exactness=map(exactness_cells, self.exactness),
            speed_columns=SPEED_COLUMNS,
            speeds=map(speed_cells, self.speeds),
        )


EXACTNESS_COLUMNS = ("weights", "pairs", "max Δlogit", "Kendall τ, mean", "τ, least", "Δlogit alone or in a batch")
SPEED_COLUMNS = ("model", "computed", "weights", "batch", "tokens a pair", "pairs", "pairs/s", "card alone", "share")


def exactness_cells(one: HalfExactness) -> Sequence[str]:
    """A row under EXACTNESS_COLUMNS."""
    found = one.agreement
    taus = (f"{found.mean_kendall_tau:.4f}", f"{found.lowest_kendall_tau:.4f}")
    return (one.precision, str(found.pairs), f"{found.max_abs_dlogit:.2g}", *taus, f"{one.batch_mates:.2g}")


def speed_cells(one: Speed) -> Sequence[str]:
    """A row under SPEED_COLUMNS."""
    alone = "" if one.card_pairs_per_s is None else f"{one.card_pairs_per_s:,.0f}"
    measured = (str(one.pairs), f"{one.pairs_per_s:,.0f}", alone, f"{one.share:.1%}")
    return (one.model, str(one.mode), one.precision, one.batch, one.lengths, *measured)
