"""Finds a shared library, or fetches it from the distribution without being root. Must not load it."""

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from deploy.local.errors import NotInstalled

_FETCH_TIMEOUT_S = 120


def find(soname: str, folders: Iterable[Path] = ()) -> Path | None:
    """The file in one of `folders`, else the one that the dynamic loader would take, else None."""
    for folder in folders:
        if (folder / soname).exists():
            return folder / soname
    for line in _loader_cache():
        name, arrow, file = line.strip().partition(" => ")
        if arrow and name.split(" ")[0] == soname:
            return Path(file)
    return None


def fetch(soname: str, *, package: str, into: Path) -> Path:
    """Unpacks the Debian `package` below `into` and returns the library in it. Raises NotInstalled."""
    failure = _unpack_debian(package, into)
    found = next(into.rglob(soname), None)
    if found is None:
        raise NotInstalled(
            f"{soname} is missing and could not be fetched: {failure}", remedy=f"apt-get install {package}"
        )
    return found


def _loader_cache() -> list[str]:
    ldconfig = shutil.which("ldconfig", path="/sbin:/usr/sbin:/bin:/usr/bin")
    if ldconfig is None:
        return []
    return subprocess.run((ldconfig, "-p"), capture_output=True, text=True, check=False).stdout.splitlines()


def _unpack_debian(package: str, into: Path) -> str:
    """Downloads and unpacks; returns what went wrong, "" when nothing did."""
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        return "this is not a Debian or Ubuntu system"
    into.mkdir(parents=True, exist_ok=True)
    try:
        _run("apt-get", "download", package, folder=into)
        for archive in into.glob(f"{package}_*.deb"):
            _run("dpkg", "-x", archive.name, ".", folder=into)
            archive.unlink()
    except subprocess.SubprocessError as error:
        return str(getattr(error, "stderr", "") or error).strip()
    return ""


def _run(*command: str, folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=_FETCH_TIMEOUT_S)
