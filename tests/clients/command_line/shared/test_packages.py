"""Packages that are missing: help does without them, and nothing else does."""

import builtins
import sys
from pathlib import Path

import pytest

from clients.command_line.shared.packages import is_missing_package, missing_packages_stand_in

SOURCE = """
import not_installed.inner
from not_installed.inner import Base, decorate, LIMIT

class Own(Base):
    pass

@decorate(LIMIT, of=not_installed.inner.CONSTANTS["x"])
def work(given: Base[int] | None = None) -> "Own": ...
"""


def run(name: str) -> None:
    exec(SOURCE, {"__name__": name})


def test_a_module_of_ours_is_read_without_what_it_imports() -> None:
    with missing_packages_stand_in():
        run("training.something")


@pytest.mark.parametrize("name", ["lightgbm.compat", ""])
def test_modules_of_others_are_told_the_truth(name: str) -> None:
    with missing_packages_stand_in(), pytest.raises(ModuleNotFoundError):
        run(name)


def test_outside_of_the_block_a_missing_package_is_an_error() -> None:
    before = builtins.__import__
    with missing_packages_stand_in():
        pass
    assert builtins.__import__ is before
    with pytest.raises(ModuleNotFoundError) as raised:
        run("training.something")
    assert is_missing_package(raised.value)


def test_a_missing_module_of_ours_is_an_error_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken_module.py").write_text("import gateway.nothing", encoding="utf-8")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with missing_packages_stand_in(), pytest.raises(ModuleNotFoundError) as raised:
        exec("import broken_module", {"__name__": "clients.something"})
    assert not is_missing_package(raised.value)
