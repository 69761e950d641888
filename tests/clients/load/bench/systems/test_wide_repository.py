"""Which version of a repository is benchmarked."""

from pathlib import Path

import pytest

from clients.load.bench.systems.wide_repository import newest_version


def test_versions_are_numbers_not_texts(tmp_path: Path) -> None:
    for name in ("2", "10", "9", "draft"):
        (tmp_path / "cross_encoder" / name).mkdir(parents=True)
    assert newest_version(tmp_path).name == "10"


def test_a_repository_without_a_version_is_told_with_the_option(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"cross_encoder has no version folder; .*--model-repository"):
        newest_version(tmp_path)
