"""The commands in README.md of this folder run as they stand, or are shown as text."""

import re
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clients.command_line import main
from clients.load.sweep.report import GATEWAY, Sweep, write_sweep
from tests.clients.load.sweeps import invented_sweep, invented_target
from tests.paths import ROOT

pytestmark = pytest.mark.whole  # starts programs, or commands that import what is slow

README = (ROOT / "clients" / "load" / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_what_can_run_in_a_moment_runs_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a sweep, on a file of which a test knows the numbers."""
    target = replace(invented_target(), target=GATEWAY)
    write_sweep(tmp_path / "build" / "loadtest" / "sweep.json", Sweep(invented_sweep().machine, [target]))
    monkeypatch.chdir(tmp_path)
    (block,) = blocks("sh")
    program, *arguments = shlex.split(block)
    assert program == "crossrank"
    done = CliRunner().invoke(main.build_app(), arguments)
    assert done.exit_code == 0, done.output
    assert "replicas" in done.stdout


def test_every_command_that_is_shown_exists_with_its_options() -> None:
    lines = [line.partition("#")[0].strip() for block in blocks("text") for line in block.splitlines()]
    shown = [shlex.split(line)[1:] for line in lines if line.startswith("crossrank ")]
    assert len(shown) >= 3
    for name, *options in shown:
        told = CliRunner().invoke(main.build_app(), [name, "--help"], env={"COLUMNS": "200"}).stdout
        assert [one for one in options if one.startswith("--") and one not in told] == [], name


def test_every_folder_of_the_load_tools_is_listed() -> None:
    folder = ROOT / "clients" / "load"
    found = {f"{one.name}/" for one in folder.iterdir() if (one / "__init__.py").is_file()}
    assert {name for name in found if f"| `{name}` |" not in README} == set()
