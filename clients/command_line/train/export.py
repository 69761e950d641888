"""crossrank export: a trained run to a model version, served by a throw-away stack to be measured. Must not export or
measure itself."""

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.evaluate.stack_lists import HeldOutListServer
from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson
from clients.command_line.shared.new_version import bi_encoder_for, complete, say_not_judged
from clients.command_line.shared.run_choice import MOVIELENS as MOVIELENS_TABLES
from clients.command_line.shared.run_choice import RunChoice
from deploy.local.parts.triton import PROJECT_REPOSITORY
from training.export.precision import Device, Precision
from training.release.card import MOVIELENS, own_data
from training.release.pipeline import Pipeline, Target
from training.release.release import ServedForm
from training.run_folder import RunFolder


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
    config, tables = choice.read_config(), choice.read_tables()
    form = ServedForm.chosen(target.device, target.precision)
    pipeline = Pipeline(config, tables, RunFolder(choice.folder(config)), console.say)
    stack = HeldOutListServer(pipeline.folder.root / "stack", target.depth, as_json)
    goal = Target(target.model_repository, target.version, form, bi_encoder_for(target.model_repository))
    with redirect_stdout(sys.stderr):
        version, evaluation = pipeline.export(goal, own_data(config.name, tables) if choice.items else MOVIELENS, stack)
    complete(target.model_repository)
    if as_json:
        console.print_json({"version": str(version), **evaluation.to_dict()})
    else:
        console.say(f"written: {version}")
        own = f"--items {choice.items} --interactions {choice.interactions}"
        say_not_judged(version, own if choice.items else f"--dataset {MOVIELENS_TABLES}")
