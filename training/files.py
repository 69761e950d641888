"""Files that are whole or not there, and what identifies them. Knows no content."""

import hashlib
from pathlib import Path


def sha256_of(file: Path) -> str:
    """Hexadecimal digest of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
