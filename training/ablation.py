"""An ablation: every variant of a configuration trained and measured on valid lists, each in a folder of its own, so
that a second start goes on where the first one stopped. Never sees a test list."""

import csv
import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from training.candidates.lists import CandidateList
from training.config import TrainingConfig
from training.data.tables import Tables
from training.dataset import Phase
from training.device import best_device
from training.model import open_cross_encoder
from training.options import SelectOptions
from training.pair_table import PairTable, context_key
from training.run import ListsOfFold, Run, Say
from training.run_folder import RunFolder
from training.selection import ListEvaluator, selection_lists
from training.variants import Variant

COLUMNS = ("variant", "layers", "ndcg@10", "tokens/pair", "pairs/s")


@dataclass(frozen=True, slots=True)
class VariantResult:
    """What a variant reached: NDCG@10 of the logit alone on valid lists; tokens of a mean pair; pairs a second as
    scored here in torch, which compares variants and predicts no served speed."""

    variant: str
    layers: int
    ndcg: float
    tokens_per_pair: float
    pairs_per_s: float
    lists: int
    pairs: int

    def cells(self) -> tuple[str, ...]:
        """In the order of COLUMNS."""
        numbers = f"{self.ndcg:.4f}", f"{self.tokens_per_pair:.1f}", f"{self.pairs_per_s:.0f}"
        return self.variant, str(self.layers), *numbers


@dataclass(frozen=True, slots=True)
class Ablation:
    """``lists_for`` gives the candidate lists of a configuration; ``measured``: which valid lists."""

    folder: Path
    tables: Tables
    lists_for: Callable[[TrainingConfig], ListsOfFold]
    measured: SelectOptions
    say: Say

    def run(self, variants: Sequence[Variant]) -> list[VariantResult]:
        """All variants, in order; those that have a result already are not run again."""
        results = []
        for number, variant in enumerate(variants, start=1):
            self.say(f"variant {number} of {len(variants)}: {variant.name}")
            results.append(self._one(variant))
        write_table(self.folder, results)
        return results

    def _one(self, variant: Variant) -> VariantResult:
        folder = RunFolder(self.folder / folder_name(variant.name))
        done = folder.root / f"result-{self.measured.users}-{self.measured.depth}.json"
        lists_of_fold = self.lists_for(variant.config)
        run = Run(variant.config, self.tables, folder, self.say, lists_of_fold)
        run.train()
        if done.is_file():
            return VariantResult(**json.loads(done.read_text(encoding="utf-8")))
        result = self._measure(variant, run, lists_of_fold(Phase.VALID))
        partial = done.with_name(done.name + ".partial")
        partial.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")
        partial.replace(done)
        return result

    def _measure(self, variant: Variant, run: Run, valid: Sequence[CandidateList]) -> VariantResult:
        config, table = variant.config, run.pair_table()
        device = best_device(config.device)
        model = open_cross_encoder(str(run.folder.trained_model()), table, device=device)
        model.chunk_pairs = config.fit.chunk_pairs
        chosen = selection_lists(valid, self.measured, config.seed)
        started = time.perf_counter()
        quality = ListEvaluator(chosen, self.measured.depth, config.seed).measure(model)
        seconds = time.perf_counter() - started
        tokens = _mean_tokens(table, chosen, self.measured.depth)
        speed = quality.pairs / max(seconds, 1e-9)
        layers = model.transformers_model.config.num_hidden_layers if model.transformers_model else config.layers
        return VariantResult(variant.name, layers, quality.ndcg, tokens, speed, quality.lists, quality.pairs)


def folder_name(variant: str) -> str:
    """A variant's name as a folder's."""
    return re.sub(r"[^\w.=+-]+", "_", variant)


def write_table(folder: Path, results: Sequence[VariantResult]) -> None:
    """``ablation.csv``, with all digits, and ``ablation.md``."""
    rows: list[dict[str, Any]] = [asdict(one) for one in results]
    with (folder / "ablation.csv").open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    table = [COLUMNS, ["---"] * len(COLUMNS), *(one.cells() for one in results)]
    text = "".join(f"| {' | '.join(row)} |\n" for row in table)
    (folder / "ablation.md").write_text(text, encoding="utf-8")


def _mean_tokens(table: PairTable, lists: Sequence[CandidateList], depth: int) -> float:
    lengths = [
        len(table.encode(context_key(one.history), candidate.item_id).token_ids)
        for one in lists
        for candidate in one.candidates[:depth]
    ]
    return float(np.mean(lengths))
