"""Runs the program as a shell would: its own process, its output and its exit code."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tests.paths import ROOT

_TIMEOUT_S = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a shell sees of a command that has ended."""

    exit_code: int
    output: str
    notes: str

    @property
    def document(self) -> Any:
        """The one JSON document that --json printed."""
        return json.loads(self.output)


def crossrank(*arguments: object) -> Outcome:
    """Runs `crossrank` with these arguments in the project's folder."""
    done = subprocess.run(
        [sys.executable, "-m", "clients.command_line.main", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    return Outcome(done.returncode, done.stdout, done.stderr)
