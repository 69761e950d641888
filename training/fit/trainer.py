"""Every training step on sentence-transformers' CrossEncoderTrainer, with checkpoints; a second start resumes. One
process or several (torchrun, accelerate): the trainer splits the batches."""

import json
import logging
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset as Rows
from sentence_transformers.cross_encoder import CrossEncoderTrainer, CrossEncoderTrainingArguments
from torch import nn
from transformers import EarlyStoppingCallback, TrainerCallback

from training.device import best_device, computes_bfloat16
from training.fit.selection import METRIC, ListEvaluator
from training.model.cross_encoder import PairCrossEncoder, encoder_of
from training.options.config import TrainingConfig


@dataclass(frozen=True, slots=True)
class Step:
    """One training step: its rows and its numbers. ``faster``: learning rates by pattern of parameter name. With
    ``valid`` lists the best checkpoint is the result, without them the last."""

    rows: Rows
    batch: int
    learning_rate: float
    faster: Mapping[str, float] = field(default_factory=dict)
    valid: ListEvaluator | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """``loss``: mean of the run. ``best``: NDCG@10 on the valid lists of the checkpoint that was kept."""

    loss: float
    best: float | None = None


class _Trainer(CrossEncoderTrainer):
    """Without the automatic model card, which would encode the columns as texts: training/release/card.py does."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Adds nothing."""

    def compute_loss_context_manager(self) -> "ExitStack[bool | None]":
        """Half precision for the whole loss: the trainer casts what goes through the model's ``forward`` only, and the
        losses that read hidden states pass it by."""
        contexts = super().compute_loss_context_manager()
        contexts.enter_context(self.accelerator.autocast())
        return contexts


def run_step(model: PairCrossEncoder, loss: nn.Module, step: Step, config: TrainingConfig, folder: Path) -> Outcome:
    """Trains to the end of the step's rows, from the newest whole checkpoint in ``folder`` if there is one."""
    # Checkpoints come with an automatic card whose example is a plain text, which our pairs are not.
    logging.getLogger("sentence_transformers.base.model_card").setLevel(logging.ERROR)
    model.chunk_pairs = config.fit.chunk_pairs
    device = best_device(config.device)
    if device == "cpu":
        # Plain attention: the backward pass of torch's fused attention costs a quarter of a step on a CPU.
        encoder_of(model).set_attn_implementation("eager")
    trainer = _Trainer(
        model=model,
        args=_arguments(step, config, folder, device),
        train_dataset=step.rows,
        loss=loss,
        evaluator=step.valid,
        callbacks=_callbacks(step, config),
    )
    last = last_checkpoint(folder)
    outcome = trainer.train(resume_from_checkpoint=str(last) if last else None)
    return Outcome(float(outcome.training_loss), trainer.state.best_metric)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end; a process killed while it wrote one leaves it half. The
    trainer writes its state last."""
    for checkpoint in sorted(folder.glob("checkpoint-*"), key=lambda one: -int(one.name.rpartition("-")[2])):
        try:
            json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        except (OSError, json.JSONDecodeError):
            continue
        return checkpoint
    return None


def _callbacks(step: Step, config: TrainingConfig) -> list[TrainerCallback]:
    patience = config.select.patience
    return [EarlyStoppingCallback(early_stopping_patience=patience)] if step.valid and patience else []


def _arguments(step: Step, config: TrainingConfig, folder: Path, device: str) -> CrossEncoderTrainingArguments:
    options: dict[str, Any] = {
        "output_dir": str(folder),
        "num_train_epochs": 1,
        "per_device_train_batch_size": step.batch,
        "learning_rate": step.learning_rate,
        "warmup_steps": config.fit.warmup_share,
        "learning_rate_mapping": dict(step.faster),
        "weight_decay": config.fit.weight_decay,
        "lr_scheduler_type": "linear",
        "max_grad_norm": 1.0,
        "bf16": config.bf16 and computes_bfloat16(device),
        "use_cpu": device == "cpu",
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
    if step.valid is not None:
        options |= {
            "eval_strategy": "steps",
            "eval_steps": config.fit.save_steps,
            "load_best_model_at_end": True,
            "metric_for_best_model": f"eval_{METRIC}",
            "greater_is_better": True,
        }
    return CrossEncoderTrainingArguments(**options)
