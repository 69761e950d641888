"""The fast lane: which tests belong to it is found from what they import, nothing is marked by hand. While it runs,
slow libraries cannot be imported and programs cannot be started. Imports no module of the project."""

import ast
import sys
from collections.abc import Iterator, Sequence, Set
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import TypeGuard

SLOW_LIBRARIES = frozenset({"torch", "transformers", "sentence_transformers", "onnxruntime", "matplotlib"})
"""Libraries that take seconds to import or to use."""

STARTERS = frozenset({"subprocess", "deploy.local.process.part.RunningPart", "deploy.local.stack.LocalStack"})
"""A test module that imports one of these starts programs: servers, or ours, which takes seconds."""

PROBES = frozenset({"lscpu", "uname"})
"""Programs by which libraries ask what machine this is."""

_IMPORT_ROOTS = (".", "clients/python", "protos/python")


class NotInTheFastLane(Exception):
    """A test of the fast lane needs what only the whole has."""


class Lanes:
    """The modules below a project's folder, and what each imports as it is loaded."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._imports = cache(self._read_imports)
        self._imports_later = cache(self._read_later_imports)
        self._reached = cache(self._walk)

    def slow_because(self, file: Path) -> str | None:
        """The library or starter that the test file imports as it is loaded, itself or through others, or that the
        modules that it tests import later, inside functions; None: it is fast."""
        test = _dotted(file.relative_to(self._root))
        reached = self._reached(test) if file.name != "conftest.py" else frozenset()
        tested = (one for name in self._imports(test) if not name.startswith("tests.") for one in _with_parents(name))
        for later in {name for one in tested for name in self._imports_later(one)}:
            reached |= self._reached(later) - STARTERS
        for folder in file.relative_to(self._root).parents:
            reached |= self._reached(_dotted(folder / "conftest.py")) - STARTERS
        return min(reached & (SLOW_LIBRARIES | STARTERS), default=None)

    def server_fixtures(self) -> frozenset[str]:
        """Names of the fixtures that are defined in a conftest that starts programs."""
        conftests = [file for file in (self._root / "tests").rglob("conftest.py") if self._starts_programs(file)]
        trees = [ast.parse(file.read_text(encoding="utf-8")) for file in conftests]
        return frozenset(node.name for tree in trees for node in tree.body if _is_fixture(node))

    def _starts_programs(self, file: Path) -> bool:
        return bool(self._reached(_dotted(file.relative_to(self._root))) & STARTERS)

    def _walk(self, module: str) -> frozenset[str]:
        """The module and all that importing it imports. Starters count only where tests import them."""
        reached: set[str] = set()
        waiting = [module]
        while waiting:
            name = waiting.pop()
            for one in {*_with_parents(name)} - reached:
                reached.add(one)
                found: Set[str] = self._imports(one)
                if not one.startswith("tests."):
                    found = {name.rpartition(".")[0] if name in STARTERS else name for name in found}
                waiting += found
        return frozenset(reached)

    def _read_imports(self, module: str) -> frozenset[str]:
        text = self._text(module)
        names = {name for node in _run(ast.parse(text)) for name in _named(node)}
        return frozenset(names | {"subprocess"} if "asyncio.create_subprocess_" in text else names)

    def _read_later_imports(self, module: str) -> frozenset[str]:
        tree = ast.parse(self._text(module))
        return frozenset(name for node in _run(tree, later=True) for name in _named(node)) - self._imports(module)

    def _text(self, module: str) -> str:
        stem = module.replace(".", "/")
        places = (f"{base}/{stem}{end}" for base in _IMPORT_ROOTS for end in (".py", "/__init__.py"))
        file = next((self._root / place for place in places if (self._root / place).is_file()), None)
        return file.read_text(encoding="utf-8") if file else ""


class SlowLibrariesAreAway:
    """An import hook: whoever imports a slow library is told the lane."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """No module, or an error."""
        if name in SLOW_LIBRARIES:
            raise NotInTheFastLane(f"{name} is imported in the fast lane; import it at the top of the test's module")
        return None


def guard() -> None:
    """From now on this process imports no slow library and starts no program."""
    sys.meta_path.insert(0, SlowLibrariesAreAway())
    sys.addaudithook(_refuse_programs)


def _refuse_programs(event: str, arguments: tuple[object, ...]) -> None:
    if event == "subprocess.Popen" and arguments[0] not in PROBES:
        raise NotInTheFastLane(f"{arguments[0]} is started in the fast lane; mark the test: pytest.mark.whole")


def _run(tree: ast.Module, *, later: bool = False) -> Iterator[ast.stmt]:
    """Statements that run when a module is imported; with ``later``, also those inside its functions."""
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
        elif isinstance(node, ast.stmt) and (later or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            yield node
            waiting += ast.iter_child_nodes(node)
        elif isinstance(node, ast.ExceptHandler):
            waiting += node.body


def _is_fixture(node: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and any(
        "fixture" in ast.unparse(decorator) for decorator in node.decorator_list
    )


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
