"""crossrank train and crossrank export: a run from tables to a model version. Must not train or measure itself."""

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.command_line import console
from clients.command_line.console import AsJson, CommandFailed, StateDirectory
from clients.command_line.options import with_grouped_options
from deploy.local import stack
from deploy.local.triton import PROJECT_REPOSITORY
from training.importing.forms import Device, Precision

if TYPE_CHECKING:  # heavy: loaded when the command runs
    from training.config import TrainingConfig
    from training.data.tables import Tables

MOVIELENS = "movielens-100k"
CONFIGS = Path(__file__).parents[2] / "training" / "configs"


@dataclass(frozen=True, slots=True)
class RunChoice:
    """Which run: its configuration, its data, its folder."""

    config: Annotated[Path, typer.Option(help="TOML file; training/configs has examples.")] = (
        CONFIGS / f"{MOVIELENS}.toml"
    )
    items: Annotated[Path | None, typer.Option(help="Items. Default: those of crossrank data movielens-100k.")] = None
    interactions: Annotated[Path | None, typer.Option(help="Interactions. Default: as for items.")] = None
    impressions: Annotated[
        Path | None, typer.Option(help="What was shown, as crossrank data export writes it; with --interactions.")
    ] = None
    run: Annotated[Path | None, typer.Option(help="Folder of the run. Default: training/NAME of the state.")] = None
    state_dir: StateDirectory = None

    @property
    def state(self) -> Path:
        """Where the stack keeps data."""
        return self.state_dir or stack.default_state_directory()

    def read_config(self) -> "TrainingConfig":
        """The configuration. Raises TrainingError."""
        from training.config import read_config

        return read_config(self.config)

    def folder(self, config: "TrainingConfig") -> Path:
        """Of this run."""
        return self.run or self.state / "training" / config.name

    def read_tables(self) -> "Tables":
        """The data. Raises TrainingError, or CommandFailed when only one table is named."""
        return read_tables(self.items, self.interactions, self.state, self.impressions)


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(with_grouped_options(train))
    app.command()(with_grouped_options(export))


def train(
    choice: RunChoice,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Stop before the fit, which torchrun can then share among processes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a cross-encoder: candidate lists, negatives, fit. Repeat it to go on after a stop."""
    from training.errors import TrainingError

    try:
        config, tables = choice.read_config(), choice.read_tables()
        from training.candidates.fold_lists import FoldLists
        from training.candidates.kept_vectors import keeping
        from training.candidates.text import embed
        from training.dataset import Dataset
        from training.run import Run
        from training.run_folder import RunFolder

        kept = keeping(choice.folder(config), embed)
        lists = FoldLists(Dataset(tables, config.protocol), config.candidates, console.say, kept)
        with redirect_stdout(sys.stderr):  # the trainer's log; standard output is the result's alone
            run = Run(config, tables, RunFolder(choice.folder(config)), console.say, lists)
            model = None
            if prepare:
                run.prepare()
            else:
                model = str(run.train())
    except TrainingError as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy) from fault
    if as_json:
        console.print_json({"run": str(choice.folder(config)), "model": model})
    elif prepare:
        console.say(f"prepared: {choice.folder(config)}")
        console.say("next: torchrun --nproc-per-node N -m -- clients.command_line.main train with the same options")
    else:
        console.say(f"trained: {model}")
        console.say("next: crossrank export")


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """Where the version goes."""

    model_repository: Annotated[Path, typer.Option(help="Repository to write into.")] = PROJECT_REPOSITORY
    version: Annotated[int, typer.Option(help="Version to write; an existing one is never overwritten.", min=1)] = 1
    depth: Annotated[int, typer.Option(help="Candidates that are re-ranked, as in serving.", min=10, max=1000)] = 100
    device: Annotated[Device, typer.Option(help="What will serve it.")] = Device.CPU
    precision: Annotated[
        Precision | None,
        typer.Option(help="On CPUs int8 (default) or fp32; on GPUs fp16 (default) or bf16, no padding."),
    ] = None


def export(choice: RunChoice, target: ExportChoice, as_json: AsJson = False) -> None:
    """Turn a trained run into a model version: graph, fusion fitted on valid, results on test, model card."""
    from gateway.errors import CrossrankError
    from training.errors import TrainingError

    try:
        config, tables = choice.read_config(), choice.read_tables()
        from clients.command_line.model_export import Exporter
        from training.card import MOVIELENS as MOVIELENS_FACTS
        from training.card import own_data
        from training.release import ServedForm

        data = own_data(config.name, tables) if choice.items else MOVIELENS_FACTS
        form = ServedForm.chosen(target.device, target.precision)
        exporter = Exporter(config, tables, data, choice.folder(config), target.model_repository, as_json, form)
        with redirect_stdout(sys.stderr):
            version, evaluation = exporter.run(target.version, target.depth)
    except TrainingError as fault:
        raise CommandFailed(fault.message, remedy=fault.remedy) from fault
    except CrossrankError as fault:
        raise CommandFailed(fault.message, remedy="crossrank doctor, then crossrank export again") from fault
    if as_json:
        console.print_json({"version": str(version), **evaluation.to_dict()})
    else:
        console.say(f"written: {version}")


def read_tables(
    items: Path | None, interactions: Path | None, state: Path, impressions: Path | None = None
) -> "Tables":
    """The tables named, else MovieLens 100K, fetched when it is not there yet. Raises TrainingError."""
    from training.data import movielens
    from training.data import tables as reader

    if items and interactions:
        return reader.read_tables(items, interactions, impressions)
    if items or interactions or impressions:
        raise CommandFailed("only one table is named", remedy="give both --items and --interactions, or neither")
    folder = state / "data" / MOVIELENS
    if not (folder / "interactions.csv").is_file():
        reader.write_tables(folder, movielens.from_recbole(state / "downloads"))
    return reader.read_tables(folder / "items.csv", folder / "interactions.csv")
