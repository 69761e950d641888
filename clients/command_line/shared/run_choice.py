"""Which run a command works on: its configuration, its tables, its folder. Must not train or measure."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.shared.console import CommandFailed, StateDirectory
from deploy.local import stack
from training.data import movielens, tables
from training.data.tables import Tables
from training.options.config import TrainingConfig, read_config

MOVIELENS = "movielens-100k"
CONFIGS = Path(__file__).parents[3] / "training" / "configs"


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

    def read_config(self) -> TrainingConfig:
        """The configuration. Raises TrainingError."""
        return read_config(self.config)

    def folder(self, config: TrainingConfig) -> Path:
        """Of this run."""
        return self.run or self.state / "training" / config.name

    def read_tables(self) -> Tables:
        """The data. Raises TrainingError, or CommandFailed when only one table is named."""
        return read_tables(self.items, self.interactions, self.state, self.impressions)


def read_tables(
    items: Path | None,
    interactions: Path | None,
    state: Path,
    impressions: Path | None = None,
    *,
    skip_unknown: bool = False,
) -> Tables:
    """The tables named, else MovieLens 100K, fetched when it is not there yet. ``skip_unknown``: as for tables. Raises
    TrainingError, or CommandFailed when only one table is named."""
    if items and interactions:
        return tables.read_tables(items, interactions, impressions, skip_unknown=skip_unknown)
    if items or interactions or impressions:
        raise CommandFailed("only one table is named", remedy="give both --items and --interactions, or neither")
    folder = state / "data" / MOVIELENS
    if not (folder / "interactions.csv").is_file():
        tables.write_tables(folder, movielens.from_recbole(state / "downloads"))
    return tables.read_tables(folder / "items.csv", folder / "interactions.csv")
