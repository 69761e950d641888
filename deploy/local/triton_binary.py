"""Finds a real tritonserver and lays out what it needs: the one on PATH, else the one in the nvidia-pytriton package.
Must not start it."""

import shutil
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from deploy.local.errors import NotInstalled

_BACKEND_FILES = ("libtriton_python.so", "triton_python_backend_utils.py")
_STUB = "triton_python_backend_stub"


@dataclass(frozen=True, slots=True)
class TritonBinary:
    """A tritonserver and the search paths and options it must be started with."""

    executable: Path
    options: tuple[str, ...] = ()
    search_paths: Mapping[str, str] = field(default_factory=dict)


def find_triton(directory: Path) -> TritonBinary:
    """The tritonserver of this machine; `directory` receives the layout of backends. Raises NotInstalled."""
    installed = shutil.which("tritonserver")
    if installed:
        return TritonBinary(Path(installed))
    return _from_package(directory)


def _from_package(directory: Path) -> TritonBinary:
    package = find_spec("pytriton")
    if package is None or package.origin is None:
        raise NotInstalled("Triton is not installed", remedy='pip install "crossrank[local]"')
    site_packages = Path(package.origin).parents[1]
    server = site_packages / "pytriton" / "tritonserver"
    backends = directory / "backends"
    _lay_out_python_backend(server, backends / "python")
    libraries = site_packages / "nvidia_pytriton.libs"
    return TritonBinary(
        executable=server / "bin" / "tritonserver",
        options=(f"--backend-directory={backends}",),
        search_paths={
            "LD_LIBRARY_PATH": f"{libraries}:{sysconfig.get_config_var('LIBDIR')}",
            "PYTHONPATH": str(site_packages),
            # The worker embeds Python and looks for its standard library beside the first `python3` on PATH.
            "PATH": f"{sys.prefix}/bin",
        },
    )


def _lay_out_python_backend(server: Path, target: Path) -> None:
    """Copies the Python backend, with the worker for the running Python, to where Triton expects it."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    stub = server / "python_backend_stubs" / version / _STUB
    if not stub.exists():
        offered = ", ".join(sorted(folder.name for folder in stub.parents[1].iterdir()))
        raise NotInstalled(
            f"Triton's package has no Python worker for Python {version}", remedy=f"use one of Python {offered}"
        )
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in _BACKEND_FILES:
        shutil.copy2(server / "backends" / "python" / name, target / name)
    shutil.copy2(stub, target / _STUB)
