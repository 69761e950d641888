"""Files that are whole or not there, and what identifies them. Standard library only; knows no content."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from typing import Any

_FRESH = re.compile(r"\.[0-9a-f]{8}-.+", re.DOTALL)
"""The name of a file that is not whole yet."""


@contextmanager
def replacing(file: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """A new, empty file to write, in the same folder and with the same ending; it takes the place of ``file`` in one
    step when the block ends. When the block fails nothing is left of it. ``mode``: less the process's umask."""
    fresh = file.with_name(f".{token_hex(4)}-{file.name}")
    try:
        fresh.touch(mode, exist_ok=False)
        yield fresh
        _sync(fresh)
        fresh.replace(file)
        _sync(file.parent)
    finally:
        fresh.unlink(missing_ok=True)


def clear_leftovers(folder: Path) -> None:
    """Removes what writers that were killed left below a folder. For places where nobody else writes meanwhile."""
    for file in folder.rglob(".*"):
        if _FRESH.fullmatch(file.name) and file.is_file():
            file.unlink()


def replace_bytes(file: Path, content: bytes, *, mode: int = 0o666) -> None:
    """Gives a file new content in one step: a reader sees the old or the new, also after a crash."""
    with replacing(file, mode=mode) as fresh:
        fresh.write_bytes(content)


def replace_text(file: Path, text: str, *, mode: int = 0o666) -> None:
    """As ``replace_bytes``, in UTF-8."""
    replace_bytes(file, text.encode(), mode=mode)


def replace_json(file: Path, document: Any, *, indent: int = 2, allow_nan: bool = True, mode: int = 0o666) -> None:
    """One indented document. Raises ValueError for numbers that are not finite where ``allow_nan`` is off."""
    text = json.dumps(document, ensure_ascii=False, indent=indent, allow_nan=allow_nan)
    replace_text(file, text + "\n", mode=mode)


def replace_json_lines(file: Path, rows: Iterable[Any]) -> None:
    """One document a line."""
    with replacing(file) as fresh, fresh.open("w", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def read_json_lines(file: Path) -> Iterator[Any]:
    """What ``replace_json_lines`` wrote."""
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def sha256_of(file: Path) -> str:
    """Hexadecimal digest of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _sync(place: Path) -> None:
    """Has the disk hold what was written to a file, or renamed in a folder."""
    descriptor = os.open(place, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
