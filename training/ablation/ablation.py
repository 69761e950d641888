"""An ablation: every variant of a configuration trained and measured on valid lists, each in a folder of its own, so
that a second start goes on where the first one stopped. Never sees a test list."""

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gateway.domain.files import replace_json
from gateway.domain.progress import Say
from training.ablation.table import AblationRow, VariantResult, compare, write_table
from training.ablation.variants import Variant
from training.data.tables import Tables
from training.device import best_device
from training.fit.selection import ListEvaluator, selection_lists
from training.lists.candidate_list import CandidateList
from training.model.cross_encoder import open_cross_encoder
from training.model.pair_table import PairTable, context_key
from training.options.config import TrainingConfig
from training.options.fit import SelectOptions
from training.protocol.dataset import Phase
from training.run import ListsOfFold, Run
from training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class Ablation:
    """``lists_for`` gives the candidate lists of a configuration; ``measured``: which valid lists."""

    folder: Path
    tables: Tables
    lists_for: Callable[[TrainingConfig], ListsOfFold]
    measured: SelectOptions
    say: Say

    def run(self, variants: Sequence[Variant]) -> list[AblationRow]:
        """All variants, in order, the base first; those that have a result already are not run again."""
        seed = variants[0].config.seed
        results = []
        for number, variant in enumerate(variants, start=1):
            self.say(f"variant {number} of {len(variants)}: {variant.name}")
            results.append(self._one(variant, seed))
        rows = compare(results, seed)
        write_table(self.folder, rows)
        return rows

    def _one(self, variant: Variant, seed: int) -> VariantResult:
        folder = RunFolder(self.folder / folder_name(variant.name))
        done = folder.root / f"valid-{self.measured.users}-{self.measured.depth}.json"
        lists_of_fold = self.lists_for(variant.config)
        run = Run(variant.config, self.tables, folder, self.say, lists_of_fold)
        run.train()
        if done.is_file():
            return VariantResult(**json.loads(done.read_text(encoding="utf-8")))
        result = self._measure(variant, run, selection_lists(lists_of_fold(Phase.VALID), self.measured, seed))
        replace_json(done, asdict(result))
        return result

    def _measure(self, variant: Variant, run: Run, lists: Sequence[CandidateList]) -> VariantResult:
        config, table = variant.config, run.pair_table()
        device = best_device(config.device)
        model = open_cross_encoder(str(run.folder.trained_model()), table, device=device)
        model.chunk_pairs = config.fit.chunk_pairs
        started = time.perf_counter()
        quality = ListEvaluator(lists, self.measured.depth, config.seed).measure(model)
        seconds = time.perf_counter() - started
        return VariantResult(
            variant.name,
            model.transformers_model.config.num_hidden_layers if model.transformers_model else config.layers,
            dict(zip((one.user_id for one in lists), quality.ndcg_by_list, strict=True)),
            _mean_tokens(table, lists, self.measured.depth),
            quality.pairs / max(seconds, 1e-9),
            quality.pairs,
        )


def folder_name(variant: str) -> str:
    """A variant's name as a folder's."""
    return re.sub(r"[^\w.=+-]+", "_", variant)


def _mean_tokens(table: PairTable, lists: Sequence[CandidateList], depth: int) -> float:
    lengths = [
        len(table.encode(context_key(one.history), candidate.item_id).token_ids)
        for one in lists
        for candidate in one.candidates[:depth]
    ]
    return float(np.mean(lengths))
