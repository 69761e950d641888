"""Writes the manifest of a version folder. What it must hold, ``gateway.domain.manifest`` says."""

import json
from pathlib import Path

from gateway.domain.files import replace_json
from gateway.domain.manifest import MANIFEST_FILE, entry_of, files_in


def write_manifest(folder: Path) -> None:
    """Writes ``files.json`` about all files that are in the folder now, but for what Python compiled of them."""
    entries = {name: entry_of(folder / name) for name in sorted(files_in(folder))}
    replace_json(folder / MANIFEST_FILE, entries, indent=1)


def enter_file(folder: Path, name: str) -> None:
    """Has the manifest vouch for a file that was written now, and for no other that changed. Leaves one that cannot be
    read as it is: it vouches for nothing."""
    try:
        entries = json.loads((folder / MANIFEST_FILE).read_bytes())
    except (OSError, ValueError):
        return
    if isinstance(entries, dict):
        entries = dict(sorted({**entries, name: entry_of(folder / name)}.items()))
        replace_json(folder / MANIFEST_FILE, entries, indent=1)
