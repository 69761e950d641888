"""Shared libraries: found where they lie, fetched where they are missing, and said plainly when neither works."""

import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.local.errors import NotInstalled
from deploy.local.parts import shared_library

PACKAGE = "libdemo1"
SONAME = "libdemo.so.1"


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """A Debian whose archive holds PACKAGE with SONAME; returns the commands that were run."""
    ran: list[tuple[str, ...]] = []

    def run(command: tuple[str, ...], *, cwd: Path, **_: object) -> None:
        ran.append(command)
        if command[0] == "apt-get" and command[2] == PACKAGE:
            (cwd / f"{PACKAGE}_1.0_amd64.deb").touch()
        elif command[0] == "apt-get":
            raise subprocess.CalledProcessError(100, command, stderr=f"E: Unable to locate package {command[2]}\n")
        else:
            library = cwd / "usr" / "lib" / "x86_64-linux-gnu" / SONAME
            library.parent.mkdir(parents=True)
            library.touch()

    monkeypatch.setattr(shutil, "which", lambda name, path=None: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", run)
    return ran


def test_a_library_in_a_given_folder_wins(tmp_path: Path) -> None:
    (tmp_path / "libc.so.6").touch()
    assert shared_library.find("libc.so.6", [tmp_path / "empty", tmp_path]) == tmp_path / "libc.so.6"


def test_a_library_of_the_system_is_found_through_the_loader() -> None:
    found = shared_library.find("libc.so.6")
    assert found is not None
    assert found.exists()


def test_only_the_whole_name_counts() -> None:
    assert shared_library.find("libc.so") is None or shared_library.find("libc.so") != shared_library.find("libc.so.6")
    assert shared_library.find("libc.so.6666") is None


def test_without_ldconfig_only_the_given_folders_are_searched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    assert shared_library.find("libc.so.6") is None


def test_a_fetched_library_lies_below_the_given_folder(tmp_path: Path, debian: list[tuple[str, ...]]) -> None:
    found = shared_library.fetch(SONAME, package=PACKAGE, into=tmp_path / "libraries")
    assert found == tmp_path / "libraries" / "usr" / "lib" / "x86_64-linux-gnu" / SONAME
    assert [command[:2] for command in debian] == [("apt-get", "download"), ("dpkg", "-x")]
    assert list((tmp_path / "libraries").glob("*.deb")) == []


def test_a_package_that_is_not_there_is_told_in_the_words_of_apt(tmp_path: Path, debian: list[tuple[str, ...]]) -> None:
    with pytest.raises(NotInstalled, match="Unable to locate package libnone") as failure:
        shared_library.fetch(SONAME, package="libnone", into=tmp_path)
    assert failure.value.remedy == "apt-get install libnone"


def test_a_package_without_the_library_is_no_help(tmp_path: Path, debian: list[tuple[str, ...]]) -> None:
    with pytest.raises(NotInstalled, match=r"libother\.so\.1 is missing"):
        shared_library.fetch("libother.so.1", package=PACKAGE, into=tmp_path)


def test_another_distribution_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    with pytest.raises(NotInstalled, match="not a Debian or Ubuntu system"):
        shared_library.fetch(SONAME, package=PACKAGE, into=tmp_path)
