"""A repository whose version 1 serves."""

from pathlib import Path

import pytest

from tests.training.release.promotion.versions import model_of, write_version
from training.release.repository.model_folder import ModelFolder


@pytest.fixture
def model(tmp_path: Path) -> ModelFolder:
    """A repository whose version 1 serves."""
    write_version(tmp_path / "serving", 1, "first")
    return model_of(tmp_path / "serving")
