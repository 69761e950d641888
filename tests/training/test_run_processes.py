"""A run in processes of its own: killed and begun again, shared by two, prepared by one for two."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import torch

from tests.paths import ROOT
from tests.training.popular_lists import popular_lists
from tests.training.run_tiny import TABLES, same, short, tiny_config, train_tiny, weights
from training import run as training_run
from training.errors import ConfigInvalid
from training.fit.trainer import last_checkpoint
from training.options.config import TrainingConfig
from training.protocol.dataset import Dataset, Phase
from training.run import Run
from training.run_folder import RunFolder

DATASET = Dataset(TABLES, tiny_config(Path()).protocol)
VALID = popular_lists(DATASET, Phase.VALID)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> TrainingConfig:
    return tiny_config(tmp_path_factory.mktemp("model"))


def start(program: Sequence[str], config: TrainingConfig, folder: Path) -> subprocess.CompletedProcess[str]:
    """The tiny run in a process of its own: tests/training/run_tiny.py."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    command = [*program, "-m", "tests.training.run_tiny", str(Path(config.base_model).parent), str(folder)]
    command.append(str(config.align.steps))
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_run_killed_in_the_middle_ends_like_one_that_was_not(config: TrainingConfig, tmp_path: Path) -> None:
    killed = start([sys.executable, "-X", "kill_at=6"], config, tmp_path / "killed")
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    folder = RunFolder(tmp_path / "killed")
    assert (last := last_checkpoint(folder.root / "fit"))
    assert last.name == "checkpoint-4"
    assert not folder.model.exists()
    train_tiny(short(config), folder.root)
    assert same(folder, train_tiny(short(config), tmp_path / "whole"))


def test_two_processes_train_one_model(config: TrainingConfig, tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = start(torchrun, config, tmp_path / "two")
    assert done.returncode == 0, done.stderr[-3000:]
    folder = RunFolder(tmp_path / "two")
    assert json.loads(folder.record.read_text(encoding="utf-8"))["fit_loss"] > 0
    state = json.loads((folder.root / "fit" / "checkpoint-6" / "trainer_state.json").read_text(encoding="utf-8"))
    assert state["max_steps"] == 6, "96 lists, 8 at a time in each of 2 processes"
    assert all(torch.isfinite(values).all() for values in weights(folder).values())


def test_a_run_prepared_in_one_process_is_fitted_by_two_and_tells_of_both(
    config: TrainingConfig, tmp_path: Path
) -> None:
    aligned = replace(short(config), align=replace(config.align, steps=2))
    folder = RunFolder(tmp_path / "run")
    Run(aligned, TABLES, folder, lambda _: None, lambda fold: popular_lists(DATASET, fold)).prepare()
    assert not folder.model.exists()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = start(torchrun, aligned, folder.root)
    assert done.returncode == 0, done.stderr[-3000:]
    record = json.loads(folder.record.read_text(encoding="utf-8"))
    assert record["align_loss"] > 0
    assert record["fit_loss"] > 0


def test_processes_wait_for_the_first_one_longer_than_lists_and_a_teacher_take(
    config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a large catalogue they took more than the half hour after which torch gives up."""
    given: list[timedelta] = []
    monkeypatch.setattr(training_run, "PartialState", lambda cpu, timeout: given.append(timeout))
    Run(config, TABLES, RunFolder(tmp_path), lambda _: None, lambda fold: VALID)
    assert given[0] >= timedelta(days=1)


def test_dense_steps_refuse_several_processes(
    config: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run(
        replace(config, align=replace(config.align, steps=1)),
        TABLES,
        RunFolder(tmp_path / "run"),
        lambda _: None,
        lambda fold: VALID,
    )
    monkeypatch.setitem(run._processes._shared_state, "num_processes", 2)
    with pytest.raises(ConfigInvalid, match="run in one process, not in 2"):
        run.train()
    run.folder.aligned.mkdir()
    run._check()  # what is left is the fit, which the processes share
