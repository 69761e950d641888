"""Whether this machine can run the stack: programs, libraries, disk, memory, processor. Must not look at a stack."""

import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from deploy.local.doctor.finding import Finding, Severity, bad, good
from deploy.local.errors import NotInstalled
from deploy.local.parts import shared_memory
from deploy.local.parts.postgres import find_binaries
from deploy.local.parts.triton_binary import LIBPYTHON, LIBPYTHON_PACKAGE, locate_libpython, locate_triton

_INSTALL = 'pip install "crossrank[local]"'
_PACKAGES = ("onnxruntime", "psycopg", "tritonclient", "tokenizers")
_MIN_DISK_BYTES = 2 * 2**30
_MIN_SHARED_MEMORY_BYTES = 128 * 2**20
_MIN_MEMORY_BYTES = 2 * 2**30


def check_machine(state_directory: Path) -> Iterator[Finding]:
    """Every check, in the order in which a first start would fail."""
    yield _platform()
    yield from (_package(name) for name in _PACKAGES)
    yield _numpy()
    yield _binary("postgresql", find_binaries)
    yield _binary("triton", locate_triton)
    yield _libpython(state_directory)
    yield _disk(state_directory)
    yield _shared_memory()
    yield _memory(Path("/proc/meminfo"))
    yield _processor(Path("/proc/cpuinfo"))


def _platform() -> Finding:
    seen = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    if platform.system() == "Linux" and platform.machine() == "x86_64" and sys.version_info[:2] == (3, 11):
        return good("platform", seen)
    return bad("platform", f"{seen}; the local stack needs Linux x86_64 and Python 3.11", "use the container images")


def _package(name: str) -> Finding:
    try:
        return good(name, metadata.version(name))
    except metadata.PackageNotFoundError:
        return bad(name, "not installed", _INSTALL)


def _numpy() -> Finding:
    found = _package("numpy")
    if found.ok and int(found.detail.split(".")[0]) >= 2:
        return bad(
            "numpy",
            f"{found.detail}: numpy 2 empties every output of Triton's Python worker",
            "pip install numpy==1.26.4",
        )
    return found


def _binary(name: str, locate: Callable[[], Path]) -> Finding:
    try:
        return good(name, str(locate()))
    except NotInstalled as missing:
        return bad(name, missing.message, missing.remedy)


def _libpython(state_directory: Path) -> Finding:
    found = locate_libpython(state_directory / "triton")
    if found:
        return good("libpython", str(found))
    remedy = f"apt-get install {LIBPYTHON_PACKAGE} (on Debian and Ubuntu, `crossrank up` fetches it itself)"
    return bad("libpython", f"{LIBPYTHON} is missing: Triton's Python worker is linked to it", remedy)


def _disk(state_directory: Path) -> Finding:
    place = next(folder for folder in (state_directory, *state_directory.parents) if folder.exists())
    return _room("disk", place, _MIN_DISK_BYTES, "free some space, or choose another place with --state-dir")


def _shared_memory() -> Finding:
    remedy = "mount a larger one: mount -o remount,size=1G /dev/shm, or docker run --shm-size=1g"
    return _room("shared memory", shared_memory.FOLDER, _MIN_SHARED_MEMORY_BYTES, remedy)


def _room(name: str, place: Path, needed_bytes: int, remedy: str) -> Finding:
    free_bytes = shutil.disk_usage(place).free
    seen = f"{free_bytes / 2**20:,.0f} MiB free in {place}"
    if free_bytes >= needed_bytes:
        return good(name, seen)
    return bad(name, f"{seen}, {needed_bytes / 2**20:,.0f} MiB needed", remedy)


def _memory(source: Path) -> Finding:
    lines = dict(line.split(":", 1) for line in source.read_text().splitlines())
    available_bytes = int(lines["MemAvailable"].split()[0]) * 1024
    seen = f"{available_bytes / 2**20:,.0f} MiB available"
    if available_bytes >= _MIN_MEMORY_BYTES:
        return good("memory", seen)
    return bad("memory", seen, f"close something: {_MIN_MEMORY_BYTES // 2**20} MiB needed", Severity.WARNING)


def _processor(source: Path) -> Finding:
    flags = next((line for line in source.read_text().splitlines() if line.startswith("flags")), "").split()
    if "avx512_vnni" in flags or "avx_vnni" in flags:
        return good("processor", "has VNNI: int8 models run at full speed")
    return bad(
        "processor", "no VNNI instructions: int8 models run two to four times slower", "expect it", Severity.INFO
    )
