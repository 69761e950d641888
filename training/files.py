"""Files that are whole or not there, and what identifies them. Knows no content."""

import hashlib
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

Document = TypeVar("Document")


def sha256_of(file: Path) -> str:
    """Hexadecimal digest of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def read_json_lines(file: Path, kind: type[Document]) -> list[Document]:
    """One value of the dataclass ``kind`` per line, as ``asdict`` gave it. Raises OSError, and ValueError for a line
    that is none."""
    adapter = TypeAdapter(kind)
    with file.open("rb") as lines:
        return [adapter.validate_json(line) for line in lines]
