"""Commands that are printed can be copied: they name the program and the state directory as these were given."""

import shutil
import sys

import pytest

from clients.command_line.shared import hints
from clients.command_line.shared.commands import COMMANDS, WITHOUT_A_STACK
from clients.command_line.shared.lazy import load


@pytest.mark.parametrize(
    ("called", "on_path", "shown"),
    [
        ("/opt/bin/crossrank", "/opt/bin/crossrank", "crossrank"),
        (".venv/bin/crossrank", None, ".venv/bin/crossrank"),
        (".venv/bin/crossrank", "/opt/bin/crossrank", ".venv/bin/crossrank"),
    ],
)
def test_hints_name_the_program_as_it_was_called(
    monkeypatch: pytest.MonkeyPatch, called: str, on_path: str | None, shown: str
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    monkeypatch.setattr(shutil, "which", lambda name: on_path)
    assert hints.program() == shown


@pytest.mark.parametrize("given", [("--state-dir", "my stack"), ("--state-dir=my stack",)])
def test_commands_about_a_stack_name_the_state_directory_that_was_given(
    monkeypatch: pytest.MonkeyPatch, given: tuple[str, ...]
) -> None:
    monkeypatch.setattr(sys, "argv", ["crossrank", "up", *given, "--json"])
    where = "--state-dir 'my stack'"
    assert hints.copyable("crossrank status · crossrank doctor, then crossrank data export again") == (
        f"crossrank status {where} · crossrank doctor {where}, then crossrank data export {where} again"
    )
    assert hints.copyable("crossrank import, crossrank index-like") == "crossrank import, crossrank index-like"


@pytest.mark.parametrize("typed", [("crossrank", "up"), ("crossrank", "up", "--state-dir")])
def test_without_one_they_stay_as_they_are(monkeypatch: pytest.MonkeyPatch, typed: tuple[str, ...]) -> None:
    monkeypatch.setattr(sys, "argv", [*typed])
    assert hints.copyable("`crossrank up` heals it") == "`crossrank up` heals it"


@pytest.mark.whole  # commands import what is slow
def test_the_commands_without_a_stack_are_those_without_the_option() -> None:
    without = {
        words for words, place in COMMANDS.items() if not any("--state-dir" in one.opts for one in load(place).params)
    }
    assert without == WITHOUT_A_STACK
