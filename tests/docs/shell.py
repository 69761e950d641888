"""Runs blocks of the documents as a reader would, in a folder with a stack of its own."""

import csv
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

_TIMEOUT_S = 1200
_PROGRAM = """#!/bin/sh
case "$1" in up|gate|promote) set -- "$@" --model-repository {repository} ;; esac
exec {python} -m clients.command_line.main "$@"
"""
"""The program with a model repository that a test may change."""


@dataclass(frozen=True, slots=True)
class Shell:
    """A folder, the model repository of its stack, and where the gateway of the documents is really reached."""

    folder: Path
    repository: Path
    gateway: str = "127.0.0.1:50051"

    @classmethod
    def opened(cls, folder: Path, repository: Path) -> "Shell":
        """With `crossrank` on its path, and a state directory that the program finds by itself."""
        (folder / "bin").mkdir(parents=True)
        (folder / ".crossrank").mkdir()
        program = folder / "bin" / "crossrank"
        program.write_text(_PROGRAM.format(repository=shlex.quote(str(repository)), python=shlex.quote(sys.executable)))
        program.chmod(0o755)
        return cls(folder, repository)

    def run(self, text: str) -> str:
        """All lines in one shell that stops at the first failure; returns what was printed."""
        path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text.replace("127.0.0.1:50051", self.gateway)],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "120"},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def write_tables(folder: Path, users: tuple[str, ...]) -> None:
    """items.csv with films 1 to 240, and interactions.csv of these users and others."""
    genres = ("Drama", "Sci-Fi", "Horror", "Comedy")
    films = [(str(number), f"Film {number}", str(1950 + number % 50), genres[number % 4]) for number in range(1, 241)]
    events = [
        (user, str((7 * position + 13 * step) % 240 + 1), "like", "1", str(1_700_000_000 + step))
        for position, user in enumerate((*users, *(f"other {number}" for number in range(30))))
        for step in range(12)
    ]
    for name, header, rows in (
        ("items.csv", ("item_id", "title", "year", "genres"), films),
        ("interactions.csv", ("user_id", "item_id", "event", "weight", "time"), events),
    ):
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([header, *rows])
