"""What `crossrank gate` judges a version by: the options that name it, and how it is read. Must not judge."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import CommandFailed, ExitCode
from clients.command_line.shared.run_choice import RunChoice
from training.release.gate.gate import Evidence
from training.release.pipeline import Pipeline
from training.run_folder import RunFolder


@dataclass(frozen=True, slots=True)
class EvidenceChoice:
    """What is given beside the run."""

    champion: Annotated[
        Path | None,
        typer.Option(
            help="Version folder to hold it against. Default: the one that serves.", file_okay=False, exists=True
        ),
    ] = None
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="Trained fp32 weights. Default: those of --run.", file_okay=False, exists=True),
    ] = None
    lists: Annotated[int, typer.Option(help="At most so many test lists of --run.", min=1)] = 2000
    margin: Annotated[
        float, typer.Option(help="NDCG@10 that the version may be below the champion with confidence.", min=0)
    ] = 0.0

    def read(self, run: RunChoice, champion: Path | None) -> Evidence:
        """With ``champion`` where none was named. Raises TrainingError, or CommandFailed for tables without a run."""
        champion = self.champion or champion
        if run.run is None:
            if run.items or run.interactions:
                given = "--items" if run.items else "--interactions"
                raise CommandFailed(f"{given} without --run", remedy="name the run's folder", exit_code=ExitCode.USAGE)
            return Evidence(champion=champion, checkpoint=self.checkpoint)
        pipeline = Pipeline(run.read_config(), run.read_tables(), RunFolder(run.run), console.say)
        return replace(pipeline.evidence(self.lists, self.checkpoint), champion=champion, margin=self.margin)
