"""crossrank profile: choices reach the load, what came of it is told. The load is made up."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from clients.command_line import main
from clients.command_line.measure import profile
from clients.command_line.shared.console import CommandFailed
from clients.load.bench.workload.readings import Load, Reading
from tests.clients.load.bench.made import made


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What was to be drawn."""
    calls: list[tuple[Any, ...]] = []

    def draw(repository: Path, directory: Path, load: Load, seconds: int, picture: Path) -> Reading:
        calls.append((load.callers, load.candidates, seconds, picture.name))
        return made("gateway", 123.4)

    monkeypatch.setattr(profile, "draw_gateway", draw)
    return calls


def run(tmp_path: Path, *arguments: str) -> Result:
    options = ["--state-dir", str(tmp_path), "--out", str(tmp_path / "picture.svg"), *arguments]
    return CliRunner().invoke(main.build_app(), ["profile", *options])


def test_the_load_is_that_of_the_benchmark_unless_another_is_chosen(tmp_path: Path, asked: list[Any]) -> None:
    assert run(tmp_path).exit_code == 0
    assert run(tmp_path, "--callers", "2", "--candidates", "50", "--seconds", "3").exit_code == 0
    assert asked == [(4, 100, 20, "picture.svg"), (2, 50, 3, "picture.svg")]


def test_the_place_of_the_picture_is_told_to_people_and_to_programs(tmp_path: Path, asked: list[Any]) -> None:
    shown = run(tmp_path)
    assert "picture.svg" in shown.output.replace("\n", "")
    document = json.loads(run(tmp_path, "--json").stdout)
    assert document == {"picture": str(tmp_path / "picture.svg"), "load": "closed_4x100", "pairs_per_s": 123.4}


def test_a_repository_without_a_model_is_refused(tmp_path: Path) -> None:
    refused = run(tmp_path, "--model-repository", str(tmp_path)).exception
    assert isinstance(refused, CommandFailed)
    assert "has no version folder" in refused.message
