"""A repository with a new version can be served, and the command that judges the version is named."""

import shutil
from pathlib import Path

import pytest

from clients.command_line.shared.new_version import bi_encoder_for, complete, say_not_judged
from deploy.local.parts.triton import PROJECT_REPOSITORY


@pytest.mark.parametrize("has_own", [True, False])
def test_lists_are_served_with_the_bi_encoder_of_the_repository_else_with_the_shipped_one(
    tmp_path: Path, has_own: bool
) -> None:
    own = tmp_path / "bi_encoder"
    if has_own:
        own.mkdir()
    assert bi_encoder_for(tmp_path) == (own if has_own else PROJECT_REPOSITORY / "bi_encoder")


def test_a_repository_without_a_bi_encoder_gets_the_shipped_one_and_one_of_its_own_stays(tmp_path: Path) -> None:
    complete(tmp_path)
    graph = tmp_path / "bi_encoder" / "1" / "model.onnx"
    assert graph.read_bytes() == (PROJECT_REPOSITORY / "bi_encoder" / "1" / "model.onnx").read_bytes()
    graph.write_bytes(b"their own")
    complete(tmp_path)
    assert graph.read_bytes() == b"their own"
    assert [one.name for one in tmp_path.iterdir()] == ["bi_encoder"]


def test_only_the_version_that_serves_is_sent_to_eval(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = Path(shutil.copytree(PROJECT_REPOSITORY / "cross_encoder", tmp_path / "cross_encoder"))
    say_not_judged(model / "1", "--dataset movielens-100k")
    told = " ".join(capsys.readouterr().err.split())
    assert f"crossrank eval --model-repository {tmp_path} --dataset movielens-100k --record" in told
    (model / "0").mkdir()
    say_not_judged(model / "0")
    assert "give this version one of its own" in " ".join(capsys.readouterr().err.split())
