"""Finds and ends processes that an earlier stack of the same state directory left behind. Must never touch others."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from deploy.local.process.process import MARK

_POLL_S = 0.02


def mark(part: str, state_directory: Path) -> str:
    """The value of the environment variable that every process of `part` carries."""
    return f"{part}@{state_directory}"


def _is_ours(process: psutil.Process, part: str, state_directory: Path) -> bool:
    try:
        environment = process.environ()
        if environment.get(MARK) == mark(part, state_directory):
            return True
        # PostgreSQL overwrites the environment of its workers; what it cannot hide is where they work.
        return (
            part == "postgres" and process.name() == "postgres" and Path(process.cwd()).is_relative_to(state_directory)
        )
    except psutil.Error:
        return False


def is_alive(process: psutil.Process) -> bool:
    """A zombie is dead: whether somebody collects it is not ours to wait for."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def find(part: str, state_directory: Path) -> Iterator[psutil.Process]:
    """Living processes of `part`, children included, whoever started them."""
    for process in psutil.process_iter():
        if _is_ours(process, part, state_directory) and is_alive(process):
            yield process


def end(part: str, state_directory: Path, *, timeout_s: float = 5.0) -> int:
    """Kills the processes of `part`, waits until they are dead and returns how many there were."""
    processes = list(find(part, state_directory))
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    deadline = time.monotonic() + timeout_s
    while any(is_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return len(processes)
