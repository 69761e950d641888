"""crossrank train-demo: from tables to a promoted version, in one command and a folder of its own. Must not know
how any step is done."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.evaluate.evaluation_tables import print_evaluation
from clients.command_line.evaluate.stack_lists import HeldOutListServer
from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode, StateDirectory
from clients.command_line.shared.run_choice import CONFIGS, read_tables
from deploy.local import stack
from deploy.local.parts.triton import PROJECT_REPOSITORY
from training.data.sample import sample_users
from training.evaluation.evaluation import Evaluation
from training.evaluation.report import write_report
from training.export.precision import Device, Precision
from training.options.config import read_config
from training.release.card import own_data
from training.release.gate.gate import GateReport, run_gate
from training.release.pipeline import Measured, Pipeline, Target, evaluate_version
from training.release.promotion.permission import check_permission
from training.release.promotion.promotion import promote
from training.release.reading import record_reading
from training.release.release import ServedForm
from training.release.repository.model_folder import ModelFolder
from training.run import Run
from training.run_folder import RunFolder

JUDGED_LISTS = 200
"""Test lists that the gate scores, in int8 and in fp32."""


@dataclass(frozen=True, slots=True)
class DemoChoice:
    """What is trained on what, and where."""

    config: Annotated[Path, typer.Option(help="TOML file; training/configs has examples.")] = CONFIGS / "demo.toml"
    items: Annotated[Path | None, typer.Option(help="Your own items. Default: MovieLens 100K, fetched once.")] = None
    interactions: Annotated[Path | None, typer.Option(help="Your own interactions.")] = None
    users: Annotated[int, typer.Option(help="So many users, drawn by the configuration's seed.", min=10)] = 300
    depth: Annotated[int, typer.Option(help="Candidates that are re-ranked, as in serving.", min=10, max=1000)] = 100
    precision: Annotated[Precision | None, typer.Option(help="Of the graph: int8 (default) or fp32.")] = None
    folder: Annotated[Path | None, typer.Option(help="Run, version and report. Default: train-demo of the state.")] = (
        None
    )
    state_dir: StateDirectory = None

    @property
    def state(self) -> Path:
        """Where the stack keeps data."""
        return self.state_dir or stack.default_state_directory()

    @property
    def root(self) -> Path:
        """The folder of everything that is made."""
        return self.folder or self.state / "train-demo"

    @property
    def run(self) -> Path:
        """The folder of the training."""
        return self.root / "run"

    @property
    def report(self) -> Path:
        """The folder of the evaluation's report."""
        return self.root / "report"


@dataclass(slots=True)
class _Steps:
    """What was done: name, result, seconds."""

    done: list[tuple[str, str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """A step; what the block puts into the list is told as its result."""
        console.say(f"{name} …", "bold")
        result: list[str] = []
        began = time.monotonic()
        yield result
        self.done.append((name, ", ".join(result), time.monotonic() - began))


def train_demo(choice: DemoChoice, as_json: AsJson = False) -> None:
    """Show the whole chain small: tables, candidate lists, negatives, fit, export, evaluation, reading, gate,
    promotion.

    On users of MovieLens 100K, or on your own tables. Repeat it to go on after a stop; remove the folder to begin anew.
    Nothing that serves is touched. Exit code 1: the gate refused the version.
    """
    steps = _Steps()
    with redirect_stdout(sys.stderr):  # logs; standard output is the result's alone
        evaluation, gate = _chain(choice, steps, quiet=as_json)
    _tell(choice, steps, evaluation, gate, as_json=as_json)
    if gate.verdict != "passed":
        console.leave(ExitCode.FAILURE)


def _chain(choice: DemoChoice, steps: _Steps, *, quiet: bool) -> tuple[Evaluation, GateReport]:
    form = ServedForm.chosen(Device.CPU, choice.precision)
    with steps.step("prepare") as result:
        config = read_config(choice.config)
        whole = read_tables(choice.items, choice.interactions, choice.state)
        pipeline = Pipeline(config, sample_users(whole, choice.users, config.seed), RunFolder(choice.run), console.say)
        name = f"{config.name}: {len(pipeline.dataset.users)} users"
        result.append(f"{name}, {len(pipeline.dataset.items)} items")
    with steps.step("candidates, negatives, fit") as result:
        run = Run(config, pipeline.tables, pipeline.folder, console.say, pipeline.first_stage())
        result.append(str(run.train()))
    with steps.step("export, evaluation") as result:
        repository = _new_repository(choice.root / "repository")
        target = Target(repository, 1, form, repository / "bi_encoder")
        server = HeldOutListServer(choice.run / "stack", choice.depth, quiet)
        version, evaluation = pipeline.export(target, own_data(config.name, pipeline.tables), server)
        write_report(choice.report, name, evaluation)
        result.append(str(version))
    with steps.step("reading") as result:
        judging = HeldOutListServer(choice.run / "stack", choice.depth, quiet, fit=True)
        found = evaluate_version(version, Measured(pipeline.tables, config), judging, console.say).reading
        record_reading(version, found)
        result.append(f"pays for {', '.join(one.kind for one in found if one.pays) or 'no kind of request'}")
    with steps.step("gate") as result:
        gate = run_gate(version, pipeline.evidence(JUDGED_LISTS))
        gate.write(version)
        result.append(gate.verdict)
    if gate.verdict == "passed":
        with steps.step("promote") as result:
            result.append(str(_promote(version, choice.root / "served")))
    return evaluation, gate


def _new_repository(folder: Path) -> Path:
    """With the project's bi-encoder and no cross-encoder. What an earlier demo left there goes; a folder that holds
    anything else is somebody's, and refused."""
    others = {one.name for one in folder.iterdir()} - {"bi_encoder", "cross_encoder"} if folder.is_dir() else set()
    if others:
        message = f"{folder} holds {min(others)!r}, which train-demo did not make and would remove"
        raise CommandFailed(message, remedy="name another --folder")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PROJECT_REPOSITORY / "bi_encoder", folder / "bi_encoder")
    return folder


def _promote(version: Path, repository: Path) -> Path:
    """Where it serves, in a new repository: nothing served there before."""
    model = ModelFolder(_new_repository(repository) / version.parent.name)
    change = promote(model, version, permit=lambda champion: check_permission(version, champion))
    return model.folder(change.serving)


def _tell(choice: DemoChoice, steps: _Steps, evaluation: Evaluation, gate: GateReport, *, as_json: bool) -> None:
    if as_json:
        times = {name: round(seconds, 1) for name, _, seconds in steps.done}
        head = {"folder": str(choice.root), "report": str(choice.report), "seconds": times, "gate": gate.to_json()}
        console.print_json({**head, **evaluation.to_dict()})
        return
    print_evaluation(evaluation)
    checks = [(one.name, str(one.outcome), one.detail) for one in gate.checks]
    console.print_table(("gate", gate.verdict, "found"), checks, title="\nthe version")
    rows = [(name, f"{seconds:.0f}", result) for name, result, seconds in steps.done]
    console.print_table(("step", "seconds", "result"), rows, title="\nthe whole chain")
    console.say(f"report: {choice.report}/report.html")
