"""One child process in its own group, started through launch.py and ended without remains. Must not know which part
of the stack it is."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.errors import StartFailed
from deploy.local.process.logs import Log

_LAUNCH = Path(__file__).with_name("launch.py")
MARK = "LOCAL_STACK_PART"


@dataclass(frozen=True, slots=True)
class Command:
    """What to run and how to stop it.

    `environment` is set over the inherited one, `search_paths` are put in front of inherited PATH-like variables.
    `mark` ("part@state directory") is inherited by every descendant, so that orphans can be told from strangers.
    """

    arguments: tuple[str, ...]
    directory: Path
    mark: str
    environment: Mapping[str, str] = field(default_factory=dict)
    search_paths: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM

    def request(self, *, detached: bool) -> bytes:
        """The request that launch.py reads."""
        return json.dumps(
            {
                "arguments": self.arguments,
                "environment": {**self.environment, MARK: self.mark},
                "search_paths": dict(self.search_paths),
                "user": self.user,
                "detached": detached,
                "parent_pid": os.getpid(),
                "death_signal": int(self.stop_signal),
            }
        ).encode()


def spawn(command: Command, *, log_file: Path, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
    """Starts `command` in a session of its own, its output appended to `log_file`.

    Call it from a thread that lives as long as the child shall: the kernel ties the child to that thread.
    """
    return _launch(command, log_file, stdin, detached=False)


def detach(command: Command, *, log_file: Path) -> None:
    """Starts `command` like `spawn`, but nobody's child: it lives on after us."""
    _launch(command, log_file, subprocess.DEVNULL, detached=True).wait()


def _launch(command: Command, log_file: Path, stdin: int, *, detached: bool) -> subprocess.Popen[bytes]:
    command.directory.mkdir(parents=True, exist_ok=True)
    log_file.parent.mkdir(parents=True, exist_ok=True)
    read_end, write_end = os.pipe()
    with log_file.open("ab") as log, os.fdopen(read_end, "rb"):
        with os.fdopen(write_end, "wb") as request:
            request.write(command.request(detached=detached))
        return subprocess.Popen(
            (sys.executable, "-I", "-S", str(_LAUNCH), str(read_end)),
            cwd=command.directory,
            stdin=stdin,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(read_end,),
            start_new_session=True,
        )


def run(command: Command, *, log_file: Path, timeout_s: float, text: str = "") -> None:
    """Runs `command` to its end with `text` as its input.

    Raises StartFailed with the end of its log when it fails or takes too long.
    """
    log = Log(log_file)
    log.begin()
    process = spawn(command, log_file=log_file, stdin=subprocess.PIPE)
    name = Path(command.arguments[0]).name
    try:
        process.communicate(text.encode(), timeout=timeout_s)
    except subprocess.TimeoutExpired:
        kill_group(process)
        raise StartFailed(f"{name} took longer than {timeout_s:g} s", remedy=f"read {log_file}") from None
    if process.returncode != 0:
        raise StartFailed(f"{name} ended with {process.returncode}: {log.problems()}", remedy=f"read {log_file}")


def stop(process: subprocess.Popen[bytes], command: Command, *, grace_s: float) -> None:
    """Asks the process to stop, waits `grace_s` seconds, then kills whatever is left of its group."""
    if process.poll() is None:
        process.send_signal(command.stop_signal)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=grace_s)
    kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kills the process and everything still in its group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
