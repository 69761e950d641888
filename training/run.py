"""One training run in one folder: prepare, first stage, lists, align, fit. Each step leaves files; a second start goes
on where the first one stopped."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset as Rows

from gateway.encoding.pair_encoder import PairEncoder
from gateway.encoding.tokenizer import open_tokenizer
from training import align, distil, fit
from training.config import TrainingConfig
from training.data.tables import Tables
from training.dataset import Dataset, Phase
from training.errors import RunIncomplete
from training.first_stage import FirstStage, SmoothFirstStage
from training.lists import ListMaker, TrainingList, read_lists, write_lists
from training.model import PairCrossEncoder, base_model_path, open_cross_encoder, tokenizer_path, without_dropout
from training.pair_table import PairTable

BELIEF_POSITIONS = 600
"""Positions that the three weights of the first stage's belief are fitted on."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run keeps what."""

    root: Path

    @property
    def lists(self) -> Path:
        """Training lists, one JSON document a line."""
        return self.root / "lists.jsonl"

    @property
    def model(self) -> Path:
        """The trained cross-encoder, as transformers saves it."""
        return self.root / "cross_encoder"

    @property
    def record(self) -> Path:
        """What was run: configuration and losses."""
        return self.root / "run.json"

    def trained_model(self) -> Path:
        """The trained cross-encoder. Raises RunIncomplete."""
        if not (self.model / "config.json").is_file():
            raise RunIncomplete(f"{self.root} has no trained model", "run crossrank train with this folder first")
        return self.model


class Run:
    """Trains one configuration on one data set."""

    def __init__(self, config: TrainingConfig, tables: Tables, folder: RunFolder, say: Say) -> None:
        self.config = config
        self.dataset = Dataset(tables, config.protocol)
        self.folder = folder
        self._say = say
        self._item_ids = [item.item_id for item in self.dataset.items]

    def train(self) -> Path:
        """All steps; returns the folder of the trained model."""
        if self.folder.model.is_dir():
            self._say(f"{self.folder.model} is trained already")
            return self.folder.model
        self.folder.root.mkdir(parents=True, exist_ok=True)
        _seed(self.config)
        first_stage = self.first_stage()
        maker = ListMaker(self.dataset, self.config.lists, first_stage, self.config.seed)
        positions = maker.positions()
        weights = maker.fit_belief(positions[:BELIEF_POSITIONS])
        self._say(f"first stage: weights {np.round(weights, 3).tolist()}; {len(positions)} positions to learn from")
        base = base_model_path(self.config.base_model)
        table = PairTable(
            PairEncoder(self.config.encoding(), open_tokenizer(tokenizer_path(base))), self.dataset.fields
        )
        rows = align.alignment_rows(maker, positions, self.config.align)
        model, aligned_loss = self._align(base, table, first_stage, rows)
        lists = self.training_lists()
        fitted_loss = self._fit(model, lists[: self.config.fit.lists])
        settled_loss = self._settle(model, lists[self.config.fit.lists :])
        self._save(model, self.folder.model)
        self._record(align_loss=aligned_loss, fit_loss=fitted_loss, settle_loss=settled_loss)
        return self.folder.model

    def first_stage(self) -> FirstStage:
        """Item statistics of the train part only."""
        histories = [self.dataset.known_positives(user_id, Phase.VALID) for user_id in self.dataset.users]
        return FirstStage(self._item_ids, histories, self.config.first_stage)

    def training_lists(self) -> list[TrainingList]:
        """The lists to train on, made once and kept in the run's folder. Their beliefs rest on the history items that
        the model will see, and on no others."""
        if self.folder.lists.is_file():
            return read_lists(self.folder.lists)
        smooth = SmoothFirstStage(self.first_stage(), self.config.text.history_items, self.config.lists.rank)
        maker = ListMaker(self.dataset, self.config.lists, smooth, self.config.seed)
        positions = maker.positions()
        weights = maker.fit_belief(positions[:BELIEF_POSITIONS])
        self._say(f"smooth first stage: weights {np.round(weights, 3).tolist()}")
        wanted = self.config.fit.lists + self.config.fit.settle_lists
        lists = list(maker.make([positions[number % len(positions)] for number in range(wanted)]))
        write_lists(self.folder.lists, lists)
        return lists

    def _fit(self, model: PairCrossEncoder, lists: Sequence[TrainingList]) -> float:
        options = self.config.fit
        faster = {"pooler|classifier": 3 * options.learning_rate, "project_": 1e-3}
        self._say(f"fit: {len(lists)} lists of {1 + self.config.lists.negatives} pairs")
        step = fit.Step(self._rows(lists), options.batch_lists, options.learning_rate, faster)
        return fit.run_step(model, distil.DistilLoss(model), step, self.config, self.folder.root / "fit")

    def _settle(self, model: PairCrossEncoder, lists: Sequence[TrainingList]) -> float:
        """The last lists, without dropout."""
        if not lists:
            return 0.0
        options = self.config.fit
        faster = {"pooler|classifier": 2 * options.settle_learning_rate}
        self._say(f"settle: {len(lists)} lists")
        step = fit.Step(self._rows(lists), options.batch_lists, options.settle_learning_rate, faster)
        loss = distil.DistilLoss(without_dropout(model), relations=False)
        return fit.run_step(model, loss, step, self.config, self.folder.root / "settle")

    def _rows(self, lists: Sequence[TrainingList]) -> Rows:
        return distil.distil_rows(lists, self.config.text.history_items)

    def _align(
        self, base: str, table: PairTable, first_stage: FirstStage, rows: Rows
    ) -> tuple[PairCrossEncoder, float]:
        """The base model, aligned; kept in the run's folder."""
        options, config = self.config.align, self.config
        aligned = self.folder.root / "aligned"
        if aligned.is_dir():
            return open_cross_encoder(str(aligned), table), float("nan")
        model = open_cross_encoder(base, table, config.layers)
        loss = align.AlignmentLoss(model, self._item_ids, first_stage.vectors(options.width))
        self._say(f"align: {options.steps} steps of {options.batch} sequences")
        faster = {"pooler|classifier": 5 * options.learning_rate, "project_": 1e-3}
        step = fit.Step(rows, options.batch, options.learning_rate, faster)
        mean_loss = fit.run_step(model, loss, step, config, self.folder.root / "align")
        self._save(model, aligned)
        return model, mean_loss

    def _save(self, model: PairCrossEncoder, folder: Path) -> None:
        partial = folder.with_name(folder.name + ".partial")
        model.save_pretrained(str(partial), create_model_card=False)
        partial.replace(folder)

    def _record(self, **numbers: float) -> None:
        record = {"config": self.config.to_dict(), "torch": torch.__version__, **numbers}
        self.folder.record.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _seed(config: TrainingConfig) -> None:
    random.seed(config.seed)
    np.random.seed(config.seed)
    torch.manual_seed(config.seed)
    torch.set_num_threads(config.threads)
