"""The project's own Python modules, parsed. Generated code is not among them."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.paths import ROOT

CODE = (
    "gateway",
    "training",
    "clients/command_line",
    "clients/load",
    "clients/python/crossrank_client",
    "deploy/local",
    "deploy/docker",
    "model_repository",
)
TESTS = ("tests",)
TEXT_FILES = (".py", ".toml", ".md", ".yaml", ".yml", ".proto", ".json", ".sh", ".cfg", ".pbtxt", ".Dockerfile", ".sql")


@dataclass(frozen=True)
class Module:
    """One file of Python."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        """Its path below the project, or the bare name elsewhere."""
        return str(self.path.relative_to(ROOT)) if self.path.is_relative_to(ROOT) else self.path.name

    @property
    def lines(self) -> int:
        """Lines, empty ones included."""
        return len(self.text.splitlines())

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, self.name)

    def functions(self) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
        """Functions and methods, nested ones included."""
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def read_modules(folders: Sequence[str], root: Path = ROOT) -> list[Module]:
    """Every module below the folders."""
    files = sorted(file for folder in folders for file in (root / folder).rglob("*.py"))
    return [Module(file, file.read_text(encoding="utf-8")) for file in files if "__pycache__" not in file.parts]


def code_lines(modules: Sequence[Module]) -> int:
    """Lines that are neither empty nor only a comment."""
    return sum(
        1
        for module in modules
        for line in module.text.splitlines()
        if line.strip() and not line.strip().startswith("#")
    )
