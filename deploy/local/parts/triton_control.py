"""The key to Triton's control: loading and unloading, statistics, shared memory, traces and log settings answer whoever
sends it, and nobody else. It is made at every start and lies in a file that only its owner reads. Goes into the image
with the probe, so it must import nothing but the standard library."""

import os
from pathlib import Path
from secrets import token_hex

KEY_FILE = "control.key"
RESTRICTED = "model-repository,statistics,shared-memory,trace,logging"
"""What a gateway does not need."""
_NAME = "crossrank-key"


def make_key(file: Path) -> None:
    """A new one takes the place of the last."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as key:
        key.write(token_hex(32))


def restriction(file: Path) -> str:
    """Triton's option."""
    return f"--grpc-restricted-protocol={RESTRICTED}:{_NAME}={file.read_text(encoding='ascii')}"


def control_headers(file: Path) -> dict[str, str]:
    """What a call that needs the key has to send; nothing where Triton was started without one."""
    key = file.read_text(encoding="ascii").strip() if file.is_file() else ""
    return {f"triton-grpc-protocol-{_NAME}": key} if key else {}
