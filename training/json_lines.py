"""Files of one JSON document a line, back to the dataclasses that they were written from. Knows no content."""

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

Value = TypeVar("Value")


def read_json_lines(file: Path, kind: type[Value]) -> list[Value]:
    """One value of the dataclass ``kind`` per line, as ``asdict`` gave it. Raises OSError, and ValueError for a line
    that is no such value."""
    adapter = TypeAdapter(kind)
    with file.open("rb") as lines:
        return [adapter.validate_json(line) for line in lines]
