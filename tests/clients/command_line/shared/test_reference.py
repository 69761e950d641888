"""The README of the program lists every command as the program itself explains it."""

import re

import pytest

from clients.command_line.shared.commands import COMMANDS
from clients.command_line.shared.console import ExitCode
from clients.command_line.shared.reference import FILE, with_tables

pytestmark = pytest.mark.whole  # starts programs, or commands that import what is slow


def test_the_tables_of_commands_are_those_of_the_program() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert text == with_tables(text), "run: make docs"


def test_every_command_has_one_row() -> None:
    rows = re.findall(r"^\| `([a-z][^`]*)` \| ", FILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(rows) == sorted(COMMANDS)


def test_a_changed_row_would_be_found_and_made_right() -> None:
    text = FILE.read_text(encoding="utf-8")
    changed = text.replace("| `data check` |", "| `data test` |").replace("`--top-n`", "`--top`")
    assert changed != text
    assert with_tables(changed) == text


def test_an_argument_stands_by_its_name_in_the_usage_and_an_option_by_its_long_name() -> None:
    rows = {line.split("`")[1]: line for line in FILE.read_text(encoding="utf-8").splitlines() if line[:3] == "| `"}
    assert rows["gate"].split("| ")[-1].startswith("`VERSION_DIR` `--champion`")
    assert rows["logs"].endswith("| `PART` `--lines` `--follow` |")


def test_every_exit_code_is_explained() -> None:
    codes = re.findall(r"^\| (\d+) \| ", FILE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(code) for code in codes] == list(ExitCode)
