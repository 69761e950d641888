"""crossrank eval --dataset goodbooks: a trained run on the offline first stages. Must not compute a metric itself."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from clients.command_line.shared import console
from clients.command_line.shared.console import CommandFailed, ExitCode
from clients.command_line.shared.run_choice import CONFIGS

if TYPE_CHECKING:  # heavy: loaded when the command runs
    from training.evaluation.evaluation import Evaluation

GOODBOOKS = "goodbooks"


def evaluate_goodbooks(data_dir: Path | None, run: Path, *, users: int, seed: int, quiet: bool) -> "Evaluation":
    """The run of training/configs/goodbooks.toml on the user's own copy. Raises CommandFailed or TrainingError."""
    if data_dir is None:
        raise CommandFailed(
            f"--dataset {GOODBOOKS} without --data-dir",
            remedy="name the folder that holds items.csv.gz and interactions.csv.gz",
            exit_code=ExitCode.USAGE,
        )
    from training.data import goodbooks
    from training.data.digest import tables_digest
    from training.options.config import read_config
    from training.protocol.dataset import Dataset
    from training.release.offline_evaluation import OfflineEvaluation
    from training.run_folder import RunFolder

    config, folder = read_config(CONFIGS / f"{GOODBOOKS}.toml"), RunFolder(run)
    folder.trained_model()
    tables = goodbooks.from_folder(data_dir)
    folder.check(config, tables_digest(tables))
    dataset = Dataset(tables, config.protocol)
    dataset.require_users()
    evaluation, _ = OfflineEvaluation(config, dataset, folder, users, seed).run(
        console.say, partial(console.progress_bar, quiet=quiet)
    )
    return evaluation
