"""Recording, in a version's folder, for which kinds of request its reading was shown to pay. Must not measure."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from gateway.domain.manifest import manifest_faults
from gateway.domain.order import RequestKind
from gateway.encoding.reading import READING_FILE, write_verdict
from training.evaluation.reading import ReadingRow
from training.release.errors import ReadingUnknown
from training.release.repository.manifest import enter_file


def record_reading(version: Path, rows: Sequence[ReadingRow]) -> None:
    """Writes the verdict, and the manifest with it. Raises ReadingUnknown: without rows, or where the version is not
    what was exported."""
    if not rows:
        raise ReadingUnknown("these lists do not tell whether reading pays", "leave --no-fit and --no-read out")
    if faults := manifest_faults(version):
        raise ReadingUnknown(f"{version} is not as it was written: {faults[0]}", "export the version again")
    pays = [RequestKind(one.kind) for one in rows if one.pays]
    write_verdict(version / "encoding" / READING_FILE, pays, [asdict(one) for one in rows])
    enter_file(version, f"encoding/{READING_FILE}")
