"""The processes in which a Triton on this machine runs Python models. Must not ask Triton: it gives requests to a dead
worker too and fails them, each after a second, in which living workers answer everybody else."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil

_SERVER = "tritonserver"
_WORKER = "triton_python_backend_stub"[:15]  # all that the kernel keeps of the name of a dead process
_COLLECTED_S = 1.5
"""Triton notices a worker that ends while its model is unloaded within a second, and collects it."""


def dead_workers(grpc_port: int, changes: Callable[[], bool]) -> int:
    """How many workers ended while the server that listens on the port of this machine goes on. Not counted: one whose
    model is unloaded, or could not be loaded, which the server collects, and any while a model ``changes`` so: one
    whose load fails is collected just before that ends, however long it takes."""
    found = _ended(grpc_port)
    if found:
        time.sleep(_COLLECTED_S)
        if changes():
            return 0
        found &= _ended(grpc_port)
    return len(found)


def _ended(grpc_port: int) -> set[int]:
    """Process ids of workers that ended and that the server has not collected."""
    ended = set()
    for process in psutil.process_iter():
        try:
            if process.name() == _SERVER and _listens_here(process, grpc_port):
                ended |= {one.pid for one in process.children() if _is_ended_worker(one)}
        except (psutil.Error, OSError):  # it ended meanwhile, or is not ours to look at
            continue
    return ended


def _listens_here(process: psutil.Process, grpc_port: int) -> bool:
    """Ports of a container are not those of its host."""
    network = Path(f"/proc/{process.pid}/ns/net").readlink()
    return f"--grpc-port={grpc_port}" in process.cmdline() and network == Path("/proc/self/ns/net").readlink()


def _is_ended_worker(process: psutil.Process) -> bool:
    try:
        return process.name().startswith(_WORKER) and process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
