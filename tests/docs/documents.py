"""The documents and their blocks of code. A block fenced as `sh` or `python` is run by a test; one fenced as `text` is
only shown."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_OURS = {".git", ".venv", ".crossrank", "build", "dist"}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: ``language`` and text, and the document it stands in."""

    document: Path
    language: str
    text: str

    @property
    def name(self) -> str:
        """For a test's name: where it stands and how it begins."""
        return f"{self.document.relative_to(ROOT)}: {self.text.partition(chr(10))[0][:40]}"

    def commands(self) -> list[list[str]]:
        """Words of each line that calls `crossrank`; continued lines are joined, comments and variables are dropped."""
        lines = self.text.replace("\\\n", " ").splitlines()
        words = [shlex.split(line, comments=True) for line in lines if "crossrank" in line and "'" not in line]
        return [_from_program(line) for line in words if "crossrank" in line]


def documents() -> list[Path]:
    """Every Markdown file of the project; model cards are made by export and are none of them."""
    return sorted(
        file
        for file in ROOT.rglob("*.md")
        if not _NOT_OURS & set(file.relative_to(ROOT).parts) and not file.parent.name.isdecimal()
    )


def blocks(*languages: str) -> list[Block]:
    """All blocks of these languages."""
    return [
        Block(file, language, text)
        for file in documents()
        for language, text in _FENCE.findall(file.read_text(encoding="utf-8"))
        if language in languages
    ]


def _from_program(words: list[str]) -> list[str]:
    return [word for word in words[words.index("crossrank") + 1 :] if not word.startswith("$")]
