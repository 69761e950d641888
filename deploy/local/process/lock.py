"""Who runs the stack of a state directory: held by the supervisor while it lives, freed by the kernel when it dies.
The kernel also tells the holder, so nothing must ever trust a process id from a file: it may have been reused."""

import fcntl
import os
import struct
from pathlib import Path
from typing import Self

from deploy.local.errors import LocalStackError

_FLOCK = "hhqqi0q"  # struct flock of 64-bit Linux: type, whence, start, length, process id


class StackLock:
    """An exclusive lock on `state_directory`/supervisor.lock."""

    def __init__(self, state_directory: Path) -> None:
        self._file = state_directory / "supervisor.lock"
        self._descriptor = -1

    def holder(self) -> int | None:
        """The process id of the living supervisor, None when there is none."""
        if not self._file.exists():
            return None
        with self._file.open("rb") as file:
            wanted = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, wanted))
        return None if kind == fcntl.F_UNLCK else int(pid)

    def __enter__(self) -> Self:
        self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise LocalStackError(
                f"process {self.holder()} already runs the stack of {self._file.parent}", remedy="crossrank down"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
