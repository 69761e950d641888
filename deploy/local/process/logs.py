"""The log of one part: what it said since its last start. Must not interpret it beyond telling errors from the rest."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ERROR = re.compile(r"^E\d{4} |\b(ERROR|FATAL|PANIC|CRITICAL|Traceback)\b|[Ee]rror\b")
_MAX_READ_BYTES = 256 * 1024
_MAX_LINE_CHARACTERS = 400


@dataclass(slots=True)
class Log:
    """A file that grows over all runs, and the place where the present run began."""

    file: Path
    _start_byte: int = 0

    def begin(self) -> None:
        """What follows belongs to a new run."""
        self._start_byte = self.file.stat().st_size if self.file.exists() else 0

    def last_lines(self, count: int = 12) -> list[str]:
        """The end of the present run's output."""
        return list(self._lines())[-count:]

    def problems(self, count: int = 6) -> str:
        """The last lines that speak of an error, else simply the last lines."""
        errors = [line for line in self._lines() if _ERROR.search(line)]
        return "\n".join(line[:_MAX_LINE_CHARACTERS] for line in (errors or self.last_lines())[-count:])

    def _lines(self) -> Iterator[str]:
        if not self.file.exists():
            return
        with self.file.open("rb") as source:
            size = source.seek(0, 2)
            source.seek(max(self._start_byte, size - _MAX_READ_BYTES))
            yield from source.read().decode(errors="replace").splitlines()
