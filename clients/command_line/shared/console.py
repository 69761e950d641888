"""How every command speaks: tables and progress for people, one JSON document with --json, errors as message and
remedy, exit codes. Must not know any command."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from clients.command_line.shared.hints import copyable
from clients.command_line.shared.progress import PlainProgress, plain_progress


class ExitCode(IntEnum):
    """What a shell script can tell apart."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    UNHEALTHY = 3
    INTERRUPTED = 130


class CommandFailed(Exception):
    """Ends a command with a message and the next step instead of a traceback."""

    def __init__(self, message: str, *, remedy: str = "", exit_code: ExitCode = ExitCode.FAILURE) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.exit_code = exit_code


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output instead of text.")]
StateDirectory = Annotated[
    Path | None,
    typer.Option("--state-dir", help="Where the stack keeps data and logs. Default: .crossrank of the project."),
]

# Results go to standard output, everything about the work to standard error: `crossrank … --json | jq` always works.
results = Console(highlight=False)
notes = Console(stderr=True, highlight=False)


def print_json(document: object) -> None:
    """One JSON document: indented for a terminal, one line for a pipe."""
    indent = 2 if sys.stdout.isatty() else None
    sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=indent, allow_nan=False) + "\n")


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str | Text]], *, title: str = "") -> None:
    """A table for people; text is shown as it is, never read as markup."""
    if title:
        results.print(Text(title, style="italic"), soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    results.print(table)


def say(message: str = "", style: str = "") -> None:
    """A line about the work, not part of the result; never broken, so that it can be copied."""
    notes.print(Text(message, style=style), soft_wrap=True)


def print_failure(message: str, remedy: str = "") -> None:
    """An error and what to do about it."""
    notes.print(Text.assemble(("error: ", "bold red"), message))
    if remedy:
        notes.print(Text.assemble(("  try: ", "bold"), copyable(remedy)), soft_wrap=True)


def leave(exit_code: ExitCode) -> NoReturn:
    """Ends the command with `exit_code`."""
    raise typer.Exit(int(exit_code))


@contextmanager
def progress_bar(title: str, total: int | None = None, *, quiet: bool = False) -> Iterator["Advance | PlainProgress"]:
    """A bar on standard error while the block runs, plain lines now and then where that is no terminal; nothing when
    `quiet` (use it for --json)."""
    if not (quiet or notes.is_terminal):
        with plain_progress(say, title, total) as plain:
            yield plain
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=notes, disable=quiet) as progress:
        yield Advance(progress, title, total)


class Advance:
    """Moves one progress bar: call it with the number of things done."""

    def __init__(self, progress: Progress, title: str, total: int | None) -> None:
        self._progress = progress
        self._task = progress.add_task(title, total=total)

    def __call__(self, done: int = 1) -> None:
        self._progress.advance(self._task, done)

    def describe(self, title: str, total: int | None = None) -> None:
        """Renames the bar, and gives it a total when that is known."""
        self._progress.update(self._task, description=title, total=total)
