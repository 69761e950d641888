"""A part of the stack as the supervisor sees it, and a running one. Must not know which parts there are."""

import subprocess
import time
from pathlib import Path
from threading import Event
from typing import Protocol, Self

from deploy.local.errors import Broken, ProbeFailed, StartFailed
from deploy.local.process import orphans, process
from deploy.local.process.logs import Log

_PROBE_PAUSE_S = 0.1
_OS_REMEDY = "check space and permissions of the state directory; in a container without privileges, do not be root"


class Part(Protocol):
    """PostgreSQL, Triton or the gateway: how to make it run and how to tell that it works."""

    @property
    def name(self) -> str:
        """One lower-case word, also the name of its log."""

    @property
    def url(self) -> str:
        """Where others reach it."""

    @property
    def start_timeout_s(self) -> float:
        """How long it may take until it gives right answers."""

    def prepare(self, log_file: Path) -> None:
        """Creates what it needs and removes what an earlier run left. Raises LocalStackError."""

    def command(self) -> process.Command | None:
        """How to run it; None for one that somebody else runs."""

    def probe(self, timeout_s: float) -> None:
        """Returns after a right answer. Raises ProbeFailed or one of its kinds."""

    def clean_up(self) -> None:
        """Removes what its processes leave when they are killed."""


class LeavesNothing:
    """Base of a part that needs nothing prepared and nothing removed."""

    __slots__ = ()

    def prepare(self, log_file: Path) -> None:
        """Nothing to prepare."""

    def clean_up(self) -> None:
        """Nothing remains."""


class RunningPart:
    """Start, watch and stop one part; also a context manager that yields it ready."""

    def __init__(self, part: Part, *, state_directory: Path) -> None:
        self.part = part
        self.log = Log(state_directory / "logs" / f"{part.name}.log")
        self._state_directory = state_directory
        self._command: process.Command | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process to watch, None before the start and for an external part."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the process without waiting for an answer. Raises LocalStackError when it cannot be prepared."""
        self._sweep()
        self.log.begin()
        try:
            self.part.prepare(self.log.file)
            self._command = self.part.command()
            if self._command:
                self._process = process.spawn(self._command, log_file=self.log.file)
        except OSError as fault:
            raise StartFailed(f"{self.part.name} cannot be started: {fault}", remedy=_OS_REMEDY) from fault

    def exit_code(self) -> int | None:
        """None while it runs (or is external)."""
        return self._process.poll() if self._process else None

    def wait_until_ready(self, stopped: Event | None = None) -> bool:
        """Blocks until a probe succeeds; False when it was ``stopped`` before. Raises StartFailed with the end of the
        log when neither happens."""
        stopped, deadline = stopped or Event(), time.monotonic() + self.part.start_timeout_s
        while not stopped.is_set():
            self.raise_if_ended(" before it was ready")
            try:
                self.part.probe(timeout_s=2.0)
            except ProbeFailed as failure:
                if isinstance(failure, Broken) or time.monotonic() > deadline:
                    raise self.not_ready(str(failure)) from failure
                stopped.wait(_PROBE_PAUSE_S)
            else:
                return True
        return False

    def not_ready(self, reason: str) -> StartFailed:
        """The error that says why this part is not usable."""
        log = self.log.problems() if self._command else ""
        remedy = f"read {self.log.file}" if self._command else f"check that {self.part.url} can be reached"
        return StartFailed(f"{self.part.name}: {reason}" + (f"\n{log}" if log else ""), remedy=remedy)

    def stop(self, grace_s: float = 10.0) -> None:
        """Ends the process and everything it left. Harmless when it does not run."""
        if self._process and self._command:
            process.stop(self._process, self._command, grace_s=grace_s)
            self._process = None
            self._sweep()

    def raise_if_ended(self, when: str = "") -> None:
        """Raises StartFailed with the exit code and the end of the log."""
        exit_code = self.exit_code()
        if exit_code is not None:
            raise self.not_ready(f"ended with exit code {exit_code}{when}")

    def _sweep(self) -> None:
        orphans.end(self.part.name, self._state_directory)
        self.part.clean_up()

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:  # also an interrupt must leave nothing behind
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
