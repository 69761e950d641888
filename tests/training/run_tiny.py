"""A tiny standard run, as a function and as a program: `python -m tests.training.run_tiny MODEL_FOLDER RUN_FOLDER
ALIGN_STEPS`.

As a program with `-X kill_at=N` it kills itself without warning after N optimizer steps."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from tests.training.popular_lists import popular_lists
from tests.training.synthetic import synthetic_tables
from tests.training.tiny_model import save_tiny_model
from training.data.tables import Tables
from training.fit import trainer
from training.options.config import TrainingConfig
from training.options.fit import FitOptions, NegativeOptions
from training.options.protocol import Protocol
from training.options.text import TextOptions
from training.protocol.dataset import Dataset
from training.run import Run
from training.run_folder import RunFolder

WORLD = synthetic_tables(users=160, items=192)
# Only users who like one genre: a tiny model can learn from few lists which items are of it.
TABLES = Tables(WORLD.items, [row for row in WORLD.interactions if int(row.user_id[1:]) % 4 == 0])


def tiny_config(model_folder: Path) -> TrainingConfig:
    """Two layers, 32 wide, 400 lists of 6; the base model is made in ``model_folder`` when it is not there."""
    base = model_folder / "tiny"
    if model_folder != Path() and not base.is_dir():
        save_tiny_model(base, [" ".join(item.fields.values()) for item in TABLES.items])
    return TrainingConfig(
        name="tiny",
        base_model=str(base),
        layers=2,
        seed=5,
        device="cpu",
        bf16=False,
        protocol=Protocol(min_positives=12, held_out=3, min_history=3),
        text=TextOptions(4, ("title",), 6, 28, ("title", "genre"), 10),
        negatives=NegativeOptions(count=5, ranges=((1, 20, 2), (21, 40, 1))),
        fit=FitOptions(lists=640, batch_lists=8, learning_rate=2e-3, save_steps=20, log_steps=5),
    )


def weights(folder: RunFolder) -> dict[str, torch.Tensor]:
    """Of the trained model, by name."""
    return load_file(folder.model / "model.safetensors")


def same(first: RunFolder, second: RunFolder) -> bool:
    """Whether two runs ended with the same weights, bit by bit."""
    one, other = weights(first), weights(second)
    return all(torch.equal(values, other[name]) for name, values in one.items())


def short(config: TrainingConfig) -> TrainingConfig:
    """Twelve steps."""
    return replace(config, fit=replace(config.fit, lists=96, save_steps=4, log_steps=1))


def train_tiny(config: TrainingConfig, folder: Path) -> RunFolder:
    """Trains on lists by popularity."""
    dataset = Dataset(TABLES, config.protocol)
    run = Run(config, TABLES, RunFolder(folder), lambda _: None, lambda fold: popular_lists(dataset, fold))
    run.train()
    return run.folder


def _kill_at(steps: int) -> None:
    class Killed(trainer._Trainer):
        def training_step(self, *args: Any, **kwargs: Any) -> Any:
            if self.state.global_step == steps:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().training_step(*args, **kwargs)

    setattr(trainer, "_Trainer", Killed)  # noqa: B010


if __name__ == "__main__":
    if "kill_at" in sys._xoptions:
        _kill_at(int(sys._xoptions["kill_at"]))
    wanted = tiny_config(Path(sys.argv[1]))
    wanted = replace(wanted, align=replace(wanted.align, steps=int(sys.argv[3])))
    train_tiny(short(wanted), Path(sys.argv[2]))
