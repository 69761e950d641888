"""The verdict on reading stands in the version's folder, whole, and only where it belongs."""

import shutil
from pathlib import Path

import pytest

from gateway.domain.manifest import manifest_faults
from gateway.domain.order import RequestKind
from gateway.encoding.bundle import fingerprint_of, open_bundle
from tests.paths import ROOT
from training.evaluation.reading import ReadingRow
from training.release.errors import ReadingUnknown
from training.release.reading import record_reading

GAIN = ReadingRow("inline", 0.2, 0.1, 0.1, 0.05, 0.15, 0.001)
CHANCE = ReadingRow("warm", 0.2, 0.19, 0.01, -0.05, 0.07, 0.8)


@pytest.fixture
def version(tmp_path: Path) -> Path:
    """A copy of the shipped version."""
    shipped = ROOT / "model_repository" / "cross_encoder" / "1"
    return Path(shutil.copytree(shipped, tmp_path / "cross_encoder" / "1"))


def test_what_pays_is_recorded_and_the_version_stays_the_same_but_for_it(version: Path) -> None:
    before = fingerprint_of(version / "encoding")
    record_reading(version, [GAIN, CHANCE])
    assert open_bundle(version / "encoding").reading == frozenset({RequestKind.INLINE})
    assert manifest_faults(version) == []
    assert fingerprint_of(version / "encoding") == before
    record_reading(version, [CHANCE])
    assert open_bundle(version / "encoding").reading == frozenset()


def test_lists_that_tell_nothing_are_no_verdict(version: Path) -> None:
    with pytest.raises(ReadingUnknown, match="do not tell whether reading pays"):
        record_reading(version, [])


def test_a_version_that_was_changed_is_not_made_right_by_a_verdict(version: Path) -> None:
    card = version / "README.md"
    card.write_text(card.read_text(encoding="utf-8") + "better", encoding="utf-8")
    with pytest.raises(ReadingUnknown, match=r"README\.md: bytes"):
        record_reading(version, [GAIN])
    assert manifest_faults(version)
