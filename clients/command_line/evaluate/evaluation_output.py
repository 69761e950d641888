"""Where a command's evaluation goes: tables or JSON, and the files of --report. Must not know what was evaluated."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.evaluate.evaluation_tables import print_evaluation
from clients.command_line.shared import console
from clients.command_line.shared.failures import remedy
from training.evaluation.evaluation import Evaluation
from training.evaluation.report import write_report

ReportFolder = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Write report.json and report.html, with plots, into this folder.")
]


def prepare_report(folder: Path | None) -> None:
    """Makes the folder before the work begins. Raises CommandFailed when that cannot be."""
    if folder is not None:
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)


def give_evaluation(evaluation: Evaluation, dataset: str, *, report: Path | None, as_json: bool) -> None:
    """Prints it, and writes the report when there is a folder. Raises CommandFailed."""
    if as_json:
        console.print_json({"dataset": dataset, **evaluation.to_dict()})
    else:
        print_evaluation(evaluation)
    if report is None:
        return
    with _writing(report):
        files = write_report(report, dataset, evaluation)
    for file in files:
        console.say(f"written: {file}")


def _writing(folder: Path) -> AbstractContextManager[None]:
    return remedy("name another --report", OSError, what=f"no report can be written to {folder}: ")
