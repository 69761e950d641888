"""What the supervisor knows, in a file that others may read at any moment. Must not decide anything."""

import json
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Self

from gateway.domain.files import replace_json


class Status(StrEnum):
    """Of a part, and of the whole: the whole is what its worst part is."""

    STOPPED = "stopped"
    FAILED = "failed"
    RESTARTING = "restarting"
    STARTING = "starting"
    UNREADY = "unready"
    READY = "ready"


_WORST_FIRST = list(Status)


@dataclass(slots=True)
class PartState:
    """One part, as last seen. `detail` says why it is not ready; `url` may hold a password."""

    name: str
    url: str = ""
    status: Status = Status.STARTING
    pid: int | None = None
    restarts: int = 0
    detail: str = ""
    remedy: str = ""
    log: str = ""


@dataclass(slots=True)
class StackState:
    """The whole stack, as last seen."""

    supervisor_pid: int | None = None
    parts: list[PartState] = field(default_factory=list)

    @property
    def status(self) -> Status:
        """The status of the worst part; stopped without parts."""
        found = {part.status for part in self.parts}
        return next((status for status in _WORST_FIRST if status in found), Status.STOPPED)

    def part(self, name: str) -> PartState:
        """The state of one part. Raises KeyError for one that is not part of the stack."""
        for part in self.parts:
            if part.name == name:
                return part
        raise KeyError(f"the stack has no part {name!r}, only {', '.join(part.name for part in self.parts)}")

    def save(self, file: Path) -> None:
        """Replaces the file in one step; closed to others."""
        replace_json(file, {"status": self.status, **asdict(self)}, mode=0o600)

    @classmethod
    def load(cls, file: Path) -> Self:
        """The state last saved; an empty one when there is none."""
        if not file.exists():
            return cls()
        fields = json.loads(file.read_text())
        parts = [PartState(**{**part, "status": Status(part["status"])}) for part in fields["parts"]]
        return cls(supervisor_pid=fields["supervisor_pid"], parts=parts)
