"""crossrank train and crossrank export: a run from tables to a model version. Must not train or measure itself."""

import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson
from clients.command_line.shared.run_choice import RunChoice
from clients.command_line.train.model_export import Exporter
from deploy.local.parts.triton import PROJECT_REPOSITORY
from training.export.precision import Device, Precision
from training.first_stage.embedding_cache import cached_embeddings
from training.first_stage.fold_lists import FoldLists
from training.first_stage.text import embed
from training.protocol.dataset import Dataset
from training.release.card import MOVIELENS as MOVIELENS_FACTS
from training.release.card import own_data
from training.release.release import ServedForm
from training.run import Run
from training.run_folder import RunFolder


def train(
    choice: RunChoice,
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Stop before the fit, which torchrun can then share among processes.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train a cross-encoder: candidate lists, negatives, fit. Repeat it to go on after a stop."""
    config, tables = choice.read_config(), choice.read_tables()
    kept = cached_embeddings(choice.folder(config), embed)
    lists = FoldLists(Dataset(tables, config.protocol), config.candidates, console.say, kept)
    with redirect_stdout(sys.stderr):  # the trainer's log; standard output is the result's alone
        run = Run(config, tables, RunFolder(choice.folder(config)), console.say, lists)
        model = None
        if prepare:
            run.prepare()
        else:
            model = str(run.train())
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
    config, tables = choice.read_config(), choice.read_tables()
    data = own_data(config.name, tables) if choice.items else MOVIELENS_FACTS
    form = ServedForm.chosen(target.device, target.precision)
    exporter = Exporter(config, tables, data, choice.folder(config), target.model_repository, as_json, form)
    with redirect_stdout(sys.stderr):
        version, evaluation = exporter.run(target.version, target.depth)
    if as_json:
        console.print_json({"version": str(version), **evaluation.to_dict()})
    else:
        console.say(f"written: {version}")
