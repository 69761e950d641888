"""The make targets: what they run, and what they say on a machine that lacks something. Python is a script here."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.paths import ROOT

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
OURS = "install -c requirements.lock -e protos/python -e clients/python -e "
CONTRACT = (
    "demo",
    "train-demo",
    "up",
    "down",
    "test",
    "test-fast",
    "lint",
    "proto",
    "manifests",
    "loadtest",
    "bench",
    "clean",
)

INPUTS = ("pyproject.toml", "protos/python/pyproject.toml", "clients/python/pyproject.toml", "requirements.lock")

FAKE_PYTHON = """#!/bin/sh
echo "$@" >> "{calls}"
case "$1 $2" in
    "-c "*) exit {version_exit} ;;
    "-m venv") {venv} ;;
esac
"""
MAKE_VENV = (
    'mkdir -p "$3/bin"; cp "$0" "$3/bin/python"; printf "#!/bin/sh\\necho crossrank \\$@\\n" > "$3/bin/crossrank"'
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the Makefile and nothing installed."""
    for name in ("Makefile", *INPUTS):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def fake_python(project: Path, *, venv: str = MAKE_VENV, version_exit: int = 0) -> Path:
    """A Python that writes down how it was called."""
    python = project / "python3.11"
    calls = project / "calls"
    text = FAKE_PYTHON.replace("{calls}", str(calls)).replace("{version_exit}", str(version_exit))
    python.write_text(text.replace("{venv}", f'{venv}; chmod +x "$3/bin/"*' if venv is MAKE_VENV else venv))
    python.chmod(0o755)
    return python


def make(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=project, capture_output=True, text=True, check=False, timeout=60)


def calls(project: Path) -> list[str]:
    file = project / "calls"
    return [line for line in file.read_text().splitlines() if not line.startswith("-c ")] if file.exists() else []


@pytest.mark.parametrize("target", CONTRACT)
def test_every_target_of_the_contract_exists_is_explained_and_is_no_file(target: str) -> None:
    assert re.search(rf"^{target}:.*## \w", MAKEFILE, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony is not None
    assert target in phony.group(1).split()


def test_make_alone_lists_the_targets(project: Path) -> None:
    shown = make(project)
    assert shown.returncode == 0
    assert all(f"make {target} " in shown.stdout for target in CONTRACT)


def test_the_first_run_installs_and_the_second_does_not(project: Path) -> None:
    python = fake_python(project)
    first = make(project, f"PYTHON={python}", "up")
    assert first.returncode == 0, first.stderr
    assert "crossrank up" in first.stdout.splitlines()
    installed = calls(project)
    assert installed[0] == "-m venv .venv"
    assert installed[1].endswith(OURS + ".[local]")
    second = make(project, f"PYTHON={python}", "up")
    assert second.returncode == 0
    assert calls(project) == installed


@pytest.mark.parametrize("changed", INPUTS)
def test_new_requirements_are_installed(project: Path, changed: str) -> None:
    python = fake_python(project)
    make(project, f"PYTHON={python}", "up")
    before = len(calls(project))
    later = (project / ".venv" / ".local").stat().st_mtime + 10
    os.utime(project / changed, (later, later))
    make(project, f"PYTHON={python}", "up")
    assert len(calls(project)) == before + 1


def test_the_developers_installation_serves_users_too(project: Path) -> None:
    python = fake_python(project)
    make(project, f"PYTHON={python}", ".venv/.dev")
    before = calls(project)
    assert before[-1].endswith(OURS + ".[local,train,dev]")
    assert make(project, f"PYTHON={python}", "up").returncode == 0
    assert calls(project) == before


@pytest.mark.parametrize("target", ["demo", "up", "down", "bench"])
def test_a_target_runs_the_command_of_its_name(project: Path, target: str) -> None:
    done = make(project, f"PYTHON={fake_python(project)}", target)
    assert f"crossrank {target}" in done.stdout.splitlines()


def test_a_load_test_is_a_sweep_with_what_its_page_needs(project: Path) -> None:
    done = make(project, f"PYTHON={fake_python(project)}", "loadtest")
    assert "crossrank sweep" in done.stdout.splitlines()
    assert calls(project)[-1].endswith(OURS + ".[local,load]")


def test_a_machine_without_the_right_python_is_told_which_to_install(project: Path) -> None:
    done = make(project, "PYTHON=/no/such/python", "up")
    assert done.returncode != 0
    assert "error: /no/such/python is not a Python 3.11; try: apt-get install python3.11" in done.stderr


def test_another_version_of_python_is_refused(project: Path) -> None:
    done = make(project, f"PYTHON={fake_python(project, version_exit=1)}", "up")
    assert done.returncode != 0
    assert "is not a Python 3.11" in done.stderr
    assert not (project / ".venv").exists()


def test_a_python_that_cannot_make_environments_is_told_its_package_and_leaves_none_half_made(project: Path) -> None:
    broken = fake_python(project, venv='mkdir -p "$3/bin"; touch "$3/bin/python"; exit 1')
    done = make(project, f"PYTHON={broken}", "up")
    assert done.returncode != 0
    assert "try: apt-get install python3.11-venv" in done.stderr
    assert not (project / ".venv").exists()


def test_clean_stops_the_stack_and_leaves_a_fresh_clone(project: Path) -> None:
    before = {file.name for file in project.iterdir()}
    python = fake_python(project)
    make(project, f"PYTHON={python}", "up")
    (project / ".crossrank").mkdir()
    (project / "package" / "__pycache__").mkdir(parents=True)
    for made in ("crossrank_client.egg-info", "build"):
        (project / "clients/python" / made).mkdir()
    done = make(project, "clean")
    assert "crossrank down" in done.stdout.splitlines()
    assert {file.name for file in project.iterdir()} - before == {"python3.11", "calls", "package"}
    assert list((project / "package").iterdir()) == []
    assert [file.name for file in (project / "clients/python").iterdir()] == ["pyproject.toml"]


def test_continuous_integration_runs_the_targets_that_must_pass() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "set -euo pipefail" in script
    assert re.findall(r"^make (\w+)$", script, re.MULTILINE) == ["lint", "manifests", "test"]


def test_every_pinned_requirement_of_the_project_is_in_the_lock_with_the_same_version() -> None:
    projects = {
        one["name"]: one
        for one in (tomllib.loads((ROOT / file).read_text(encoding="utf-8"))["project"] for file in INPUTS[:3])
    }
    wanted = [
        requirement
        for project in projects.values()
        for group in (project["dependencies"], *project.get("optional-dependencies", {}).values())
        for requirement in group
    ]
    ours = [one for one in wanted if one.partition("==")[0] in projects]
    assert ours == [f"{name}=={projects[name]['version']}" for name in (one.partition("==")[0] for one in ours)]
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = {_name(line.partition("==")[0]): line.partition("==")[2] for line in lines if "==" in line}
    assert not projects.keys() & locked.keys()
    for requirement in (one for one in wanted if one not in ours):
        name, _, version = requirement.partition("==")
        assert _name(name) in locked, f"{requirement}: make lock"
        assert f"{locked[_name(name)]}.".startswith(f"{version}." if version else ""), requirement


def _name(requirement: str) -> str:
    """The normalised name: no extras, no bounds."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>!~ ]", requirement)[0]).lower()
