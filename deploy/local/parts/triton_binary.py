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
from deploy.local.parts import shared_library

_BACKEND_FILES = ("libtriton_python.so", "triton_python_backend_utils.py")
_STUB = "triton_python_backend_stub"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBPYTHON = f"libpython{_PYTHON}.so.1.0"
LIBPYTHON_PACKAGE = f"libpython{_PYTHON}"


@dataclass(frozen=True, slots=True)
class TritonBinary:
    """A tritonserver and the search paths and options it must be started with."""

    executable: Path
    options: tuple[str, ...] = ()
    search_paths: Mapping[str, str] = field(default_factory=dict)


def locate_triton() -> Path:
    """The tritonserver that this machine would run. Raises NotInstalled."""
    installed = shutil.which("tritonserver")
    if installed:
        return Path(installed)
    package = find_spec("pytriton")
    if package is None or package.origin is None:
        raise NotInstalled("Triton is not installed", remedy='pip install "crossrank[local]"')
    return Path(package.origin).parent / "tritonserver" / "bin" / "tritonserver"


def locate_libpython(directory: Path) -> Path | None:
    """The shared libpython that Triton's Python worker is linked to, if there is one: many Pythons come without."""
    folder = Path(sysconfig.get_config_var("LIBDIR") or sys.base_prefix)
    return shared_library.find(LIBPYTHON, [folder, *_libraries(directory).rglob("lib/*-linux-gnu")])


def find_triton(directory: Path) -> TritonBinary:
    """How to start the tritonserver of this machine; lays out below `directory` what it lacks. Raises NotInstalled."""
    executable = locate_triton()
    if shutil.which("tritonserver"):
        return TritonBinary(executable)
    server = executable.parents[1]
    site_packages = server.parents[1]
    backends = directory / "backends"
    _lay_out_python_backend(server, backends / "python")
    libraries = site_packages / "nvidia_pytriton.libs"
    libpython = locate_libpython(directory) or shared_library.fetch(
        LIBPYTHON, package=LIBPYTHON_PACKAGE, into=_libraries(directory)
    )
    return TritonBinary(
        executable=executable,
        options=(f"--backend-directory={backends}",),
        search_paths={
            "LD_LIBRARY_PATH": f"{libraries}:{libpython.parent}",
            "PYTHONPATH": str(site_packages),
            # The worker embeds Python and looks for its standard library beside the first `python3` on PATH.
            "PATH": f"{sys.prefix}/bin",
        },
    )


def _libraries(directory: Path) -> Path:
    return directory / "libraries"


def _lay_out_python_backend(server: Path, target: Path) -> None:
    """Copies the Python backend, with the worker for the running Python, to where Triton expects it."""
    stub = server / "python_backend_stubs" / _PYTHON / _STUB
    if not stub.exists():
        offered = ", ".join(sorted(folder.name for folder in stub.parents[1].iterdir()))
        raise NotInstalled(
            f"Triton's package has no Python worker for Python {_PYTHON}", remedy=f"use one of Python {offered}"
        )
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in _BACKEND_FILES:
        shutil.copy2(server / "backends" / "python" / name, target / name)
    shutil.copy2(stub, target / _STUB)
