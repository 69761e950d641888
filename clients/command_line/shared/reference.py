"""Writes the tables of commands into clients/command_line/README.md, from the commands themselves. Must not know any of
them."""

import re
from pathlib import Path

from typer.core import TyperOption

from clients.command_line.shared.commands import COMMANDS
from clients.command_line.shared.lazy import load

FILE = Path(__file__).parents[1] / "README.md"
ROOMS = {
    "stack": "Run the stack",
    "catalog": "Fill the catalogue",
    "ask": "Ask",
    "train": "Train",
    "evaluate": "Evaluate",
    "release": "Release",
    "measure": "Measure",
}
"""Folders of commands, and what they are for."""

COMMON = {"--json", "--state-dir"}
_PLACE = re.compile(r"(?<=<!-- commands -->\n).*(?=<!-- /commands -->)", re.DOTALL)


def with_tables(text: str) -> str:
    """The document with the tables of the commands as they are now, between its two marks."""
    return _PLACE.sub(lambda _: "\n" + "\n".join(map(_table, ROOMS)) + "\n", text)


def _table(room: str) -> str:
    head = (f"### {ROOMS[room]}", "", "| command | what it does | arguments and options |", "|---|---|---|")
    rows = [_row(words, place) for words, place in COMMANDS.items() if place.startswith(f"{room}.")]
    return "\n".join([*head, *rows, ""])


def _row(words: str, place: str) -> str:
    command = load(place)
    summary = " ".join((command.help or "").partition("\n\n")[0].split())
    given = [
        one.opts[0] if isinstance(one, TyperOption) else one.metavar or str(one.name).upper() for one in command.params
    ]
    return f"| `{words}` | {summary} | {' '.join(f'`{one}`' for one in given if one not in COMMON)} |"


if __name__ == "__main__":
    FILE.write_text(with_tables(FILE.read_text(encoding="utf-8")), encoding="utf-8")
