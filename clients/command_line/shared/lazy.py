"""Commands that are imported when they are called; to list them, their source is read. Must not know any command."""

import ast
from contextlib import nullcontext
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import typer
from typer.core import TyperCommand
from typer.main import get_command

from clients.command_line.shared.options import with_grouped_options
from clients.command_line.shared.packages import missing_packages_stand_in

_PACKAGE = "clients.command_line"
_FOLDER = Path(__file__).parents[1]


def add_lazily(app: typer.Typer, name: str, place: str) -> None:
    """Adds the function at ``place``, "module:function" of this program, as a command."""

    class Lazy(TyperCommand):
        """Stands for the command in lists; whoever calls it, or asks for its help, gets the command itself."""

        def make_context(self, info_name: Any, args: Any, parent: Any = None, **more: Any) -> Any:
            asks_for_help = not {"--help", "-h"}.isdisjoint(args)
            with missing_packages_stand_in() if asks_for_help else nullcontext():
                command = load(place)
            return command.make_context(info_name, args, parent, **more)

    @app.command(name, cls=Lazy, help=_docstring(place))
    def stand_in() -> None:
        pass


def load(place: str) -> TyperCommand:
    """The command at ``place``, imported."""
    module, _, function = place.partition(":")
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(with_grouped_options(getattr(import_module(f"{_PACKAGE}.{module}"), function)))
    return cast(TyperCommand, get_command(app))


def _docstring(place: str) -> str:
    module, _, function = place.partition(":")
    (found,) = (one for one in _functions(module) if one.name == function)
    return ast.get_docstring(found) or ""


@cache
def _functions(module: str) -> list[ast.FunctionDef]:
    source = (_FOLDER / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
    return [one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef)]
