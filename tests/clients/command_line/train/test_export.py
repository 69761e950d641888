"""What crossrank export is told: where the version goes, and which bi-encoder its lists are served with."""

from pathlib import Path

import pytest

from clients.command_line.train.export import ExportChoice
from deploy.local.parts.triton import PROJECT_REPOSITORY


@pytest.mark.parametrize("has_own", [True, False])
def test_lists_are_served_with_the_bi_encoder_of_the_repository_else_with_the_shipped_one(
    tmp_path: Path, has_own: bool
) -> None:
    own = tmp_path / "repository" / "bi_encoder"
    if has_own:
        own.mkdir(parents=True)
    choice = ExportChoice(model_repository=tmp_path / "repository")
    assert choice.bi_encoder == (own if has_own else PROJECT_REPOSITORY / "bi_encoder")
