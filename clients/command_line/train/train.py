"""crossrank train: a run from tables to a trained cross-encoder. Must not train itself."""

import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson
from clients.command_line.shared.run_choice import RunChoice
from training.release.pipeline import Pipeline
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
    pipeline = Pipeline(config, tables, RunFolder(choice.folder(config)), console.say)
    with redirect_stdout(sys.stderr):  # the trainer's log; standard output is the result's alone
        run = Run(config, tables, pipeline.folder, console.say, pipeline.first_stage())
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
