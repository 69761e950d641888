"""Where the worker enters: says what is missing in its environment before anything that needs it is imported."""

from importlib import import_module
from pathlib import Path
from typing import Any

NEEDED = ("torch", "safetensors")


class PackageMissing(RuntimeError):
    """The packed engine cannot start where Triton's Python worker runs."""


def open_for_worker(folder: Path, device: str, rows: int, tokens: int, compiled: bool) -> Any:
    """The engine of a version folder, for batches of at most ``rows`` and ``tokens``. Raises PackageMissing, and what
    ``open_engine`` raises."""
    for name in NEEDED:
        try:
            import_module(name)
        except ModuleNotFoundError as fault:
            raise PackageMissing(
                f"{name} is missing in Triton's Python worker, and this version computes with it on a GPU; install "
                "it there (deploy/docker/triton_gpu.txt has the versions) or serve the version with KIND_CPU"
            ) from fault
    from .engine import Load, open_engine

    return open_engine(folder, device, Load(rows=rows, tokens=tokens, compiled=compiled))
