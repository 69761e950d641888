"""One change of a model's folder at a time, by whatever command of this machine. Knows no version."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def sole_change(model: Path, *, wait: bool) -> Iterator[None]:
    """Nobody else changes the folder ``model`` meanwhile; the lock ends with the process at the latest. Raises OSError
    when it cannot be opened, and BlockingIOError, without ``wait``, while another command changes it."""
    descriptor = os.open(model, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
