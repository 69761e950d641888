"""How much memory a process and its descendants occupy. Must not know what they are."""

from collections.abc import Iterator

import psutil


def resident_mb(pid: int) -> float | None:
    """Megabytes of a process tree, memory that several share counted once; None when it is gone or not ours to see."""
    try:
        process = psutil.Process(pid)
        return sum(_proportional_bytes([process, *process.children(recursive=True)])) / 2**20
    except psutil.Error:
        return None


def _proportional_bytes(processes: list[psutil.Process]) -> Iterator[int]:
    for process in processes:
        yield process.memory_full_info().pss
