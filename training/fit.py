"""Both training steps on sentence-transformers' CrossEncoderTrainer, with checkpoints; a second start resumes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset as Rows
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from sentence_transformers.cross_encoder.losses import ListNetLoss
from torch import nn
from transformers.trainer_utils import get_last_checkpoint

from training.config import TrainingConfig
from training.lists import TrainingList
from training.model import PairCrossEncoder
from training.pair_table import context_key


@dataclass(frozen=True, slots=True)
class Step:
    """One training step: its rows and its numbers. ``faster``: learning rates by pattern of parameter name."""

    rows: Rows
    batch: int
    learning_rate: float
    faster: Mapping[str, float] = field(default_factory=dict)


def list_rows(lists: Sequence[TrainingList]) -> Rows:
    """Columns for ListNetLoss, which takes the softmax of the labels: so they are logarithms of the wanted shares."""
    return Rows.from_dict(
        {
            "context": [context_key(one.history) for one in lists],
            "items": [list(one.items) for one in lists],
            "label": [np.log(np.maximum(one.labels, 1e-9)).tolist() for one in lists],
        }
    )


def list_loss(model: PairCrossEncoder) -> nn.Module:
    """Listwise softmax cross-entropy; the whole batch in one forward pass."""
    return ListNetLoss(model, mini_batch_size=-1)


class _Trainer(CrossEncoderTrainer):
    """Without the automatic model card, which would encode the columns as texts; training/card.py writes ours."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Adds nothing."""


def run_step(model: PairCrossEncoder, loss: nn.Module, step: Step, config: TrainingConfig, folder: Path) -> float:
    """Trains to the end of the step's rows, from the newest checkpoint in ``folder`` if there is one. Returns the
    mean loss."""
    trainer = _Trainer(model=model, args=_arguments(step, config, folder), train_dataset=step.rows, loss=loss)
    last = get_last_checkpoint(str(folder)) if folder.is_dir() else None
    outcome = trainer.train(resume_from_checkpoint=last)
    return float(outcome.training_loss)


def _arguments(step: Step, config: TrainingConfig, folder: Path) -> CrossEncoderTrainingArguments:
    options: dict[str, Any] = {
        "output_dir": str(folder),
        "num_train_epochs": 1,
        "per_device_train_batch_size": step.batch,
        "learning_rate": step.learning_rate,
        "warmup_steps": max(1, round(config.fit.warmup_share * len(step.rows) / step.batch)),
        "learning_rate_mapping": dict(step.faster),
        "weight_decay": config.fit.weight_decay,
        "lr_scheduler_type": "linear",
        "max_grad_norm": 1.0,
        "bf16": config.bf16,
        "use_cpu": True,
        "seed": config.seed,
        "data_seed": config.seed,
        "save_strategy": "steps",
        "save_steps": config.fit.save_steps,
        "save_total_limit": 2,
        "logging_steps": config.fit.log_steps,
        "report_to": [],
        "dataloader_pin_memory": False,
        "disable_tqdm": None,
    }
    return CrossEncoderTrainingArguments(**options)
