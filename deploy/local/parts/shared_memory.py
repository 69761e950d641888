"""The regions that Triton's Python workers keep in /dev/shm: a killed worker leaves its own behind for ever. Must
only ever remove regions of the given state directory."""

import hashlib
from pathlib import Path

FOLDER = Path("/dev/shm")


def prefix(state_directory: Path) -> str:
    """The start of the name of every region of this stack: what tells ours from others'."""
    return f"crossrank_{hashlib.sha256(str(state_directory).encode()).hexdigest()[:12]}_"


def regions(state_directory: Path) -> list[Path]:
    """Regions of this stack that exist now, used or orphaned."""
    return sorted(FOLDER.glob(f"{prefix(state_directory)}*"))


def remove_regions(state_directory: Path) -> int:
    """Removes the regions of a stack that does not run, and returns how many there were."""
    found = regions(state_directory)
    for region in found:
        region.unlink(missing_ok=True)
    return len(found)
