"""Variants of an ablation against their base: intervals, paired tests, table and files. Knows no training."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.metrics.significance import Interval, PairedDifference, bootstrap_intervals, paired_differences

COLUMNS = ("variant", "layers", "NDCG@10", "95 %", "gain", "p", "tokens", "pairs/s")


@dataclass(frozen=True, slots=True)
class VariantResult:
    """What a variant reached: NDCG@10 of the logit alone on every user's valid list; tokens of a mean pair; pairs a
    second as scored here in torch, which compares variants and predicts no served speed."""

    variant: str
    layers: int
    ndcg_by_user: Mapping[str, float]
    tokens_per_pair: float
    pairs_per_s: float
    pairs: int


@dataclass(frozen=True, slots=True)
class AblationRow:
    """A variant's result, the mean of its NDCG@10, and its difference from the base's on the same users: None for the
    base itself, and for a variant whose protocol gave lists of other users."""

    result: VariantResult
    ndcg: Interval
    against_base: PairedDifference | None

    def cells(self) -> tuple[str, ...]:
        """In the order of COLUMNS. Gain: over the base; p: corrected for all variants of the table (Holm)."""
        one, paired = self.result, self.against_base
        return (
            one.variant,
            str(one.layers),
            f"{self.ndcg.mean:.4f}",
            f"{self.ndcg.low:.3f}-{self.ndcg.high:.3f}",
            f"{paired.difference:+.4f}" if paired else "",
            f"{paired.p_holm:.4f}" if paired else "",
            f"{one.tokens_per_pair:.1f}",
            f"{one.pairs_per_s:.0f}",
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for programs; None where there is no difference."""
        one, paired = self.result, self.against_base
        return {
            "variant": one.variant,
            "layers": one.layers,
            "ndcg": self.ndcg.mean,
            "ndcg_low": self.ndcg.low,
            "ndcg_high": self.ndcg.high,
            "difference": paired and paired.difference,
            "difference_low": paired and paired.low,
            "difference_high": paired and paired.high,
            "p": paired and paired.p,
            "p_holm": paired and paired.p_holm,
            "tokens_per_pair": one.tokens_per_pair,
            "pairs_per_s": one.pairs_per_s,
            "lists": len(one.ndcg_by_user),
            "pairs": one.pairs,
        }


def compare(results: Sequence[VariantResult], seed: int) -> list[AblationRow]:
    """Every result with its interval, and with its paired difference from the first one, which is the base; all
    differences are tested together. Draws by ``seed``."""
    base = results[0].ndcg_by_user
    others = [one for one in results[1:] if one.ndcg_by_user.keys() == base.keys()]
    values = np.array([[one.ndcg_by_user[user] for one in others] for user in base]).reshape(len(base), len(others))
    of_base = np.repeat(np.array(list(base.values()))[:, None], len(others), axis=1)
    paired = paired_differences(values, of_base, seed) if others else []
    by_variant = dict(zip((one.variant for one in others), paired, strict=True))
    return [AblationRow(one, _interval(one, seed), by_variant.get(one.variant)) for one in results]


def _interval(one: VariantResult, seed: int) -> Interval:
    [found] = bootstrap_intervals(np.array(list(one.ndcg_by_user.values()))[:, None], seed)
    return found


def write_table(folder: Path, rows: Sequence[AblationRow]) -> None:
    """``ablation.csv``, with all digits, and ``ablation.md``."""
    plain = [one.to_dict() for one in rows]
    with (folder / "ablation.csv").open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(plain[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(plain)
    table = [COLUMNS, ["---"] * len(COLUMNS), *(one.cells() for one in rows)]
    text = "".join(f"| {' | '.join(row)} |\n" for row in table)
    (folder / "ablation.md").write_text(text, encoding="utf-8")
