"""What a version folder was written with: size and SHA-256 of every file, so that a changed one is found. Knows no
model."""

import json
from pathlib import Path

from gateway.domain.files import replace_json, sha256_of

MANIFEST_FILE = "files.json"


def write_manifest(folder: Path) -> None:
    """Writes ``files.json`` about all files that are in the folder now, but for what Python compiled of them."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and _is_shipped(file))
    entries = {file.relative_to(folder).as_posix(): _entry(file) for file in files}
    replace_json(folder / MANIFEST_FILE, entries, indent=1)


def manifest_faults(folder: Path) -> list[str]:
    """What is missing or differs from what was written; files that came later are none of it. A folder without a
    manifest has one fault."""
    try:
        entries = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        return [f"{MANIFEST_FILE} cannot be read ({fault}): export the version again"]
    if not isinstance(entries, dict) or not all(isinstance(entry, dict) for entry in entries.values()):
        return [f"{MANIFEST_FILE} is no table of files: export the version again"]
    if not entries:
        return [f"{MANIFEST_FILE} names no file: export the version again"]
    return [fault for name, entry in entries.items() for fault in _faults(folder / name, name, entry)]


def _is_shipped(file: Path) -> bool:
    return file.name != MANIFEST_FILE and file.parent.name != "__pycache__"


def _entry(file: Path) -> dict[str, object]:
    return {"bytes": file.stat().st_size, "sha256": sha256_of(file)}


def _faults(file: Path, name: str, entry: dict[str, object]) -> list[str]:
    if not file.is_file():
        return [f"{name} is missing"]
    found = _entry(file)
    return [
        f"{name}: {key} {found.get(key)}, written with {entry[key]}" for key in entry if found.get(key) != entry[key]
    ]
