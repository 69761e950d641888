"""One tiny trained run for all tests of the gate and of promotion."""

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
