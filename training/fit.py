"""Both training steps on sentence-transformers' CrossEncoderTrainer, with checkpoints; a second start resumes."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset as Rows
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from torch import nn
from transformers.trainer_utils import get_last_checkpoint

from training.config import TrainingConfig
from training.model import PairCrossEncoder


@dataclass(frozen=True, slots=True)
class Step:
    """One training step: its rows and its numbers. ``faster``: learning rates by pattern of parameter name."""

    rows: Rows
    batch: int
    learning_rate: float
    faster: Mapping[str, float] = field(default_factory=dict)


class _Trainer(CrossEncoderTrainer):
    """Without the automatic model card, which would encode the columns as texts; training/card.py writes ours."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Adds nothing."""


def run_step(model: PairCrossEncoder, loss: nn.Module, step: Step, config: TrainingConfig, folder: Path) -> float:
    """Trains to the end of the step's rows, from the newest checkpoint in ``folder`` if there is one. Returns the
    mean loss."""
    # Checkpoints come with an automatic card whose example is a plain text, which our pairs are not.
    logging.getLogger("sentence_transformers.base.model_card").setLevel(logging.ERROR)
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
