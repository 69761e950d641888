"""Commands that a text names, as the user must type them. Must not print."""

import re
import shlex
import shutil
import sys
from argparse import ArgumentParser
from pathlib import Path

from clients.command_line.shared.commands import COMMANDS, WITHOUT_A_STACK

_COMMAND = re.compile(rf"\bcrossrank ({'|'.join(sorted(COMMANDS, key=len, reverse=True))})(?![\w-])")


def copyable(text: str) -> str:
    """The text with the program as it was called, and behind a command about a stack the state directory as it was
    given."""
    called, directory = program(), _given_state_directory()
    where = f" --state-dir {shlex.quote(directory)}" if directory else ""
    return _COMMAND.sub(lambda one: f"{called} {one[1]}{'' if one[1] in WITHOUT_A_STACK else where}", text)


def program() -> str:
    """How the user called this program: what to type before the name of a command."""
    called = Path(sys.argv[0])
    by_name = called.name != "crossrank" or shutil.which("crossrank") == str(called)
    return "crossrank" if by_name else str(called)


def _given_state_directory() -> str:
    options = ArgumentParser(add_help=False, allow_abbrev=False)
    options.add_argument("--state-dir", nargs="?", default="")
    return options.parse_known_args(sys.argv[1:])[0].state_dir or ""
