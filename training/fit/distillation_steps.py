"""Optional steps that learn from item statistics of a small catalogue instead of from positives alone. One process
only; their tables are items x items.

* Alignment, before any loss (``align.steps``): a warm-up in which the encoder learns to regress item embeddings.
* Distillation, the loss "distil": the model learns the soft labels of a teacher, the first stage, list by list. Its
  last lists (``fit.settle_lists``) are final epochs without dropout at a rate of their own: soft labels are exact, and
  noise that keeps a model from memorising would only blur them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from datasets import Dataset as Rows

from gateway.domain.history import History
from gateway.domain.progress import Say
from training.errors import RunIncomplete
from training.first_stage.cooccurrence import Cooccurrence, SmoothCooccurrence
from training.fit import alignment, distillation, trainer
from training.fit.distillation_lists import ListMaker, Position, TrainingList, read_lists, write_lists
from training.model.cross_encoder import PairCrossEncoder, without_dropout
from training.options.config import TrainingConfig
from training.options.fit import DISTIL
from training.protocol.dataset import Dataset, Phase
from training.protocol.leaks import check_known, check_training
from training.run_folder import RunFolder

TEACHER_POSITIONS = 600
"""Positions that the three weights of the teacher are fitted on."""


class DistillationSteps:
    """The steps of one run."""

    def __init__(self, config: TrainingConfig, dataset: Dataset, folder: RunFolder, say: Say) -> None:
        self._config = config
        self._dataset = dataset
        self._folder = folder
        self._say = say
        self._item_ids = [item.item_id for item in dataset.items]

    def first_stage(self) -> Cooccurrence:
        """Item statistics of the train part only. Raises Leak."""
        known = {user_id: self._dataset.known_positives(user_id, Phase.VALID) for user_id in self._dataset.users}
        check_known(known, self._dataset.cases_from(Phase.VALID))
        histories = [History(oldest_first=tuple(items)) for items in known.values()]
        return Cooccurrence(self._item_ids, histories, self._config.first_stage)

    def align(self, model: PairCrossEncoder) -> float:
        """Aligns the model in place; returns the mean loss."""
        config, options = self._config, self._config.align
        first_stage = self.first_stage()
        maker = ListMaker(self._dataset, config.lists, first_stage, config.seed)
        positions = self._positions(maker)
        weights = maker.fit_soft_label(positions[:TEACHER_POSITIONS])
        self._say(f"first stage: weights {np.round(weights, 3).tolist()}; {len(positions)} positions to learn from")
        rows = alignment.alignment_rows(maker, positions, options)
        reader = model if config.fit.dropout else without_dropout(model)
        loss = alignment.AlignmentLoss(reader, self._item_ids, first_stage.vectors(options.width))
        self._say(f"align: {options.steps} steps of {options.batch} sequences")
        faster = {"pooler|classifier": 5 * options.learning_rate, "project_": 1e-3}
        step = trainer.Step(rows, options.batch, options.learning_rate, faster)
        return trainer.run_step(model, loss, step, config, self._folder.root / "align").loss

    def training_lists(self) -> list[TrainingList]:
        """The lists to train on, made once and kept in the run's folder. The teacher reads as many of the newest
        history items as the model will see. Raises Leak."""
        if self._folder.lists.is_file():
            return read_lists(self._folder.lists)
        config = self._config
        smooth = SmoothCooccurrence(self.first_stage(), config.text.history_items, config.lists.rank)
        maker = ListMaker(self._dataset, config.lists, smooth, config.seed)
        positions = self._positions(maker)
        weights = maker.fit_soft_label(positions[:TEACHER_POSITIONS])
        self._say(f"smooth first stage: weights {np.round(weights, 3).tolist()}")
        wanted = config.fit.lists + config.fit.settle_lists
        lists = list(maker.make([positions[number % len(positions)] for number in range(wanted)]))
        check_training(lists, self._dataset)
        write_lists(self._folder.lists, lists)
        return lists

    def distil(self, model: PairCrossEncoder) -> tuple[float, float]:
        """Fits the model to the soft labels, the last lists without dropout; returns both mean losses."""
        lists, options = self.training_lists(), self._config.fit
        first, last = lists[: options.lists], lists[options.lists :]
        self._say(f"fit: {len(first)} lists of {1 + self._config.lists.negatives} pairs")
        faster = {"pooler|classifier": options.head_rate * options.learning_rate, "project_": 1e-3}
        step = trainer.Step(self._rows(first), options.batch_lists, options.learning_rate, faster)
        fitted = trainer.run_step(model, distillation.DistilLoss(model), step, self._config, self._path("fit")).loss
        return fitted, self._without_dropout(model, last) if last else 0.0

    def _positions(self, maker: ListMaker) -> list[Position]:
        """Raises RunIncomplete when no history is long enough."""
        positions = maker.positions()
        if not positions:
            shortest = self._config.lists.min_history
            raise RunIncomplete(
                f"no user has a positive with {shortest} (lists.min_history) others before it, in the train part",
                f"lower lists.min_history; or do without: align.steps = 0, a fit.loss other than {DISTIL!r}",
            )
        return positions

    def _without_dropout(self, model: PairCrossEncoder, lists: Sequence[TrainingList]) -> float:
        """The final lists; only the logits learn."""
        options = self._config.fit
        faster = {"pooler|classifier": 2 * options.settle_learning_rate}
        self._say(f"settle: {len(lists)} lists without dropout")
        step = trainer.Step(self._rows(lists), options.batch_lists, options.settle_learning_rate, faster)
        loss = distillation.DistilLoss(without_dropout(model), relations=False)
        return trainer.run_step(model, loss, step, self._config, self._path("settle")).loss

    def _rows(self, lists: Sequence[TrainingList]) -> Rows:
        return distillation.distil_rows(lists, self._config.text.history_items)

    def _path(self, name: str) -> Path:
        return self._folder.root / name
