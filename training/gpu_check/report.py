"""What was measured, as JSON and as Markdown. Must not measure."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from training.gpu_check.card import Card
from training.gpu_check.exactness import HalfExactness
from training.gpu_check.speed import Speed

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
        (folder / JSON_FILE).write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf-8")
        (folder / MARKDOWN_FILE).write_text(self.to_markdown(), encoding="utf-8")

    def to_markdown(self) -> str:
        """Stands alone."""
        card, tera = self.card, self.card.bf16_flops / 1e12
        warning = ["", "**A quick trial of the program: these numbers measure nothing.**"] if self.quick else []
        return "\n".join(
            [
                f"# {card.name}",
                *warning,
                "",
                f"torch {card.torch_version}; bf16 products of {card.product_size}³: {tera:.3g} TFLOP/s.",
                "",
                "A real model's logits in half precision, against transformers in fp32:",
                "",
                *_table(EXACTNESS_COLUMNS, [exactness_cells(one) for one in self.exactness]),
                "",
                "Speed, with random weights of each shape. Pairs/s is the worker's: rows in, logits out, packing and",
                "copies included. Share: of the measured bf16 rate, for the operations of pairs without padding.",
                "",
                *_table(SPEED_COLUMNS, [speed_cells(one) for one in self.speeds]),
                *(["", "Could not run:", "", *(f"- {fault}" for fault in self.faults)] if self.faults else []),
                "",
            ]
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


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (columns, ["---"] * len(columns), *rows)]
