"""Child processes: what they inherit, where their output goes, and that none outlives its purpose."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.errors import StartFailed
from deploy.local.process import orphans, process
from tests.deploy.local.waiting import wait_until

PART = "test"


def shell(directory: Path, script: str) -> process.Command:
    return process.Command(
        arguments=("/bin/sh", "-c", script),
        directory=directory / "work",
        mark=orphans.mark(PART, directory),
        environment={"GREETING": "hello"},
        search_paths={"PATH": "/first"},
    )


def living(directory: Path) -> list[int]:
    return sorted(found.pid for found in orphans.find(PART, directory))


def test_a_command_sees_its_environment_its_folder_and_extended_search_paths(tmp_path: Path) -> None:
    log_file = tmp_path / "log"
    process.run(shell(tmp_path, 'echo "$GREETING $PWD $PATH"'), log_file=log_file, timeout_s=10)
    greeting, folder, path = log_file.read_text().split()
    assert greeting == "hello"
    assert folder == str(tmp_path / "work")
    assert path.startswith("/first:")


def test_text_reaches_the_standard_input(tmp_path: Path) -> None:
    process.run(shell(tmp_path, "cat"), log_file=tmp_path / "log", timeout_s=10, text="two\nlines\n")
    assert (tmp_path / "log").read_text() == "two\nlines\n"


def test_a_failing_command_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match="ended with 3: no such luck") as failure:
        process.run(shell(tmp_path, "echo no such luck; exit 3"), log_file=tmp_path / "log", timeout_s=10)
    assert failure.value.remedy == f"read {tmp_path / 'log'}"


def test_a_command_that_takes_too_long_is_killed(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"longer than 0\.3 s"):
        process.run(shell(tmp_path, "sleep 60"), log_file=tmp_path / "log", timeout_s=0.3)
    assert living(tmp_path) == []


def test_stopping_also_ends_children_that_ignore_the_signal(tmp_path: Path) -> None:
    command = shell(tmp_path, "(trap '' TERM; sleep 60) & sleep 60")
    child = process.spawn(command, log_file=tmp_path / "log")
    wait_until(lambda: len(living(tmp_path)) >= 3, "the shell, its subshell and their sleeps run")
    process.stop(child, command, grace_s=0.5)
    wait_until(lambda: living(tmp_path) == [], "every process of the group is gone")


def test_a_child_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path\n"
            "from tests.deploy.local.process.test_process import process, shell\n"
            "directory = Path(sys.argv[1])\n"
            "process.spawn(shell(directory, 'exec sleep 60'), log_file=directory / 'log')\n"
            "time.sleep(60)\n",
            str(tmp_path),
        ]
    )
    wait_until(lambda: living(tmp_path) != [], "the child runs")
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_until(lambda: living(tmp_path) == [], "the child followed its parent")


def test_orphans_are_found_by_their_mark_and_strangers_are_left_alone(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    for directory in (mine, other):
        process.detach(shell(directory, "sleep 60"), log_file=tmp_path / "log")
    try:
        wait_until(lambda: bool(living(mine) and living(other)), "both run")
        assert orphans.end(PART, mine) >= 1
        assert living(mine) == []
        assert living(other) != []
    finally:
        orphans.end(PART, other)
