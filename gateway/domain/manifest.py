"""What a version folder was written with: size and SHA-256 of every file, so that one that was changed, added, linked
or taken away is refused before it is used. The gateway checks what it reads, Triton's worker all of its folder: export
copies this file into every version as `manifest.py`. So it must import nothing but the standard library."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

MANIFEST_FILE = "files.json"
COMPILED = "__pycache__"
"""Made by Python, and never read by the worker."""


class FilesChanged(ValueError):
    """Files of a version are not what it was written with."""


def check_files(folder: Path, *parts: str) -> None:
    """Raises FilesChanged with what ``manifest_faults`` finds."""
    if faults := manifest_faults(folder, *parts):
        raise FilesChanged(f"{folder}: {faults[0]} ({len(faults)} in all): copy or export the version again")


def manifest_faults(folder: Path, *parts: str) -> list[str]:
    """What differs from what was written, by name. ``parts``: files and folders inside, where not all of it counts. A
    folder without a manifest has one fault."""
    try:
        if (folder / MANIFEST_FILE).is_symlink():
            return [f"{MANIFEST_FILE} is a symbolic link"]
        written = json.loads((folder / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError) as fault:
        return [f"{MANIFEST_FILE} cannot be read ({fault})"]
    if not isinstance(written, dict) or not all(isinstance(entry, dict) for entry in written.values()):
        return [f"{MANIFEST_FILE} is no table of files"]
    if not written:
        return [f"{MANIFEST_FILE} names no file"]
    names = {name for name in files_in(folder) | written.keys() if not parts or _is_part(name, parts)}
    names |= {part for part in parts if not any(_is_part(name, (part,)) for name in names)}
    return [fault for name in sorted(names) for fault in _faults(folder / name, name, written.get(name))]


def files_in(folder: Path) -> set[str]:
    """Names inside of all that is no folder, but for the manifest and what Python compiled."""
    found = set()
    for place, folders, files in os.walk(folder):
        names = [*files, *(one for one in folders if (Path(place) / one).is_symlink())]
        found |= {(Path(place) / one).relative_to(folder).as_posix() for one in names}
        folders[:] = [one for one in folders if one != COMPILED]
    return found - {MANIFEST_FILE}


def entry_of(file: Path) -> dict[str, Any]:
    """What the manifest says of a file."""
    with file.open("rb") as content:
        return {"bytes": file.stat().st_size, "sha256": hashlib.file_digest(content, "sha256").hexdigest()}


def _is_part(name: str, parts: tuple[str, ...]) -> bool:
    return any(name == part or name.startswith(f"{part}/") for part in parts)


def _faults(file: Path, name: str, written: dict[str, Any] | None) -> list[str]:
    if file.is_symlink():
        return [f"{name} is a symbolic link"]
    if not file.exists():
        return [f"{name} is missing"]
    if written is None:
        return [f"{name} is not one of the files that the version was written with"]
    if not file.is_file():
        return [f"{name} is no file"]
    return [
        f"{name}: {key} {found}, written with {written.get(key)}"
        for key, found in entry_of(file).items()
        if found != written.get(key)
    ]
