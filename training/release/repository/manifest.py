"""Writes the manifest of a version folder. What it must hold, ``gateway.domain.manifest`` says."""

from pathlib import Path

from gateway.domain.files import replace_json
from gateway.domain.manifest import MANIFEST_FILE, entry_of, files_in


def write_manifest(folder: Path) -> None:
    """Writes ``files.json`` about all files that are in the folder now, but for what Python compiled of them."""
    entries = {name: entry_of(folder / name) for name in sorted(files_in(folder))}
    replace_json(folder / MANIFEST_FILE, entries, indent=1)
