"""The fast lane: which tests belong to it is found from what they import, nothing is marked by hand. While it runs,
slow libraries cannot be imported and servers cannot be started. Imports no module of the project."""

import ast
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

SLOW_LIBRARIES = frozenset({"torch", "transformers", "sentence_transformers", "onnxruntime"})
"""Libraries that take seconds to import."""

STARTERS = frozenset({"deploy.local.process.part.RunningPart", "deploy.local.stack.LocalStack"})
"""A test module that imports one of these starts real servers."""

SERVERS = frozenset({"tritonserver", "postgres", "initdb", "pg_ctl", "redis-server", "perf_analyzer"})
"""Programs that the fast lane never starts."""

_IMPORT_ROOTS = (".", "clients/python", "protos/python")


class NotInTheFastLane(Exception):
    """A test of the fast lane needs what only the whole has."""


class Lanes:
    """The modules below a project's folder, and what each imports as it is loaded; ``reasons``: what makes slow."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._imports = cache(self._read_imports)
        self._reached = cache(self._walk)

    def slow_because(self, file: Path) -> str | None:
        """The library or starter that the test file imports, itself or through others; None: it is fast."""
        reached = self._reached(_dotted(file.relative_to(self._root)))
        if file.name == "conftest.py":
            reached -= STARTERS
        for folder in file.relative_to(self._root).parents:
            reached = reached | (self._reached(_dotted(folder / "conftest.py")) - STARTERS)
        return min(reached & (SLOW_LIBRARIES | STARTERS), default=None)

    def server_fixtures(self) -> frozenset[str]:
        """Names of the fixtures that are defined in a conftest that starts servers."""
        conftests = [file for file in (self._root / "tests").rglob("conftest.py") if self._starts_servers(file)]
        trees = [ast.parse(file.read_text(encoding="utf-8")) for file in conftests]
        return frozenset(node.name for tree in trees for node in tree.body if _is_fixture(node))

    def _starts_servers(self, file: Path) -> bool:
        return bool(self._reached(_dotted(file.relative_to(self._root))) & STARTERS)

    def _walk(self, module: str) -> frozenset[str]:
        """The module and all that importing it imports. Starters count only where tests import them."""
        reached: set[str] = set()
        waiting = [module]
        while waiting:
            name = waiting.pop()
            for one in {*_with_parents(name)} - reached:
                reached.add(one)
                found = self._imports(one)
                waiting += found if one.startswith("tests.") else found - STARTERS
        return frozenset(reached)

    def _read_imports(self, module: str) -> frozenset[str]:
        stem = module.replace(".", "/")
        names = (f"{base}/{stem}{end}" for base in _IMPORT_ROOTS for end in (".py", "/__init__.py"))
        file = next((self._root / name for name in names if (self._root / name).is_file()), None)
        if file is None:
            return frozenset()
        return frozenset(name for node in _loaded(ast.parse(file.read_text(encoding="utf-8"))) for name in _named(node))


class SlowLibrariesAreAway:
    """An import hook: whoever imports a slow library is told the lane."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """No module, or an error."""
        if name in SLOW_LIBRARIES:
            raise NotInTheFastLane(f"{name} is imported in the fast lane; import it at the top of the test's module")
        return None


def guard() -> None:
    """From now on this process imports no slow library and starts no server."""
    sys.meta_path.insert(0, SlowLibrariesAreAway())
    sys.addaudithook(_refuse_servers)


def _refuse_servers(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen" and Path(str(arguments[0])).name in SERVERS:
        raise NotInTheFastLane(f"{arguments[0]} is started in the fast lane; take the fixture that starts it")


def _loaded(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        elif isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
            waiting += ast.iter_child_nodes(node)
        elif isinstance(node, ast.ExceptHandler):
            waiting += node.body


def _is_fixture(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return is_function and any("fixture" in ast.unparse(one) for one in node.decorator_list)


def _named(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (one.name for one in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield from (f"{node.module}.{one.name}" for one in node.names)


def _with_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))


def _dotted(file: Path) -> str:
    return ".".join(file.with_suffix("").parts)
