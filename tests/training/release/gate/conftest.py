"""One tiny trained run for all tests of the gate and of promotion."""

import shutil
from pathlib import Path

import pytest

from tests.training.release.gate.tiny_release import TinyRelease


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyRelease:
    return TinyRelease.make(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def champion(tiny: TinyRelease, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A version that serves; must not be changed."""
    return tiny.version(tmp_path_factory.mktemp("champion"))


@pytest.fixture
def version(champion: Path, tmp_path: Path) -> Path:
    """A copy of a good version, to be spoilt."""
    return Path(shutil.copytree(champion.parent, tmp_path / "repository" / "cross_encoder")) / champion.name
