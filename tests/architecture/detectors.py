"""Each detector lists the places that break one bar, as "file:line what"."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Sequence

from tests.architecture.source import Module

_MACHINE_PATH = re.compile(r"(?<![\w./:-])(?:/(?:home|root|Users|work|workspace|mnt|srv)/[\w.-]+|[A-Z]:\\\\[\w])")


def long_modules(modules: Sequence[Module], most_lines: int) -> list[str]:
    """Modules with too many lines."""
    return [f"{module.name}:1 has {module.lines} lines" for module in modules if module.lines > most_lines]


def long_functions(modules: Sequence[Module], most_lines: int) -> list[str]:
    """Functions with too many lines, from ``def`` to the end."""
    return [
        f"{module.name}:{one.lineno} {one.name} has {(one.end_lineno or one.lineno) - one.lineno + 1} lines"
        for module in modules
        for one in module.functions()
        if (one.end_lineno or one.lineno) - one.lineno + 1 > most_lines
    ]


def many_parameters(modules: Sequence[Module], most: int) -> list[str]:
    """Functions with too many parameters; self and cls do not count."""
    return [
        f"{module.name}:{one.lineno} {one.name} has {_parameters(one)} parameters"
        for module in modules
        for one in module.functions()
        if _parameters(one) > most
    ]


def undocumented_modules(modules: Sequence[Module]) -> list[str]:
    """Modules that do not open with their purpose."""
    return [
        f"{one.name}:1 opens without a docstring" for one in modules if one.text and not ast.get_docstring(one.tree)
    ]


def environment_readers(modules: Sequence[Module]) -> list[str]:
    """Places that read the process environment."""
    names = {"environ", "environb", "getenv", "getenvb"}
    found = []
    for module in modules:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr in names and ast.unparse(node.value) == "os":
                found.append(f"{module.name}:{node.lineno} os.{node.attr}")
            if isinstance(node, ast.ImportFrom) and node.module == "os":
                imported = sorted(names & {one.name for one in node.names})
                found += [f"{module.name}:{node.lineno} from os import {name}" for name in imported]
    return found


def broad_excepts(modules: Sequence[Module]) -> list[str]:
    """Handlers that catch everything and do not pass it on."""
    return [
        f"{module.name}:{node.lineno} catches everything"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _ends_in_raise(node)
    ]


def silenced_types(modules: Sequence[Module]) -> list[str]:
    """Comments that switch the type checker off."""
    return [
        f"{module.name}:{token.start[0]} {token.string}"
        for module in modules
        for token in _comments(module)
        if re.search(r"type:\s*ignore|mypy:|pyright:", token.string)
    ]


def skipped_tests(modules: Sequence[Module]) -> list[str]:
    """Tests that may not run: a skip is not a pass."""
    names = {"skip", "skipif", "xfail", "importorskip", "skipIf", "skipUnless", "SkipTest"}
    return [
        f"{module.name}:{node.lineno} {node.attr}"
        for module in modules
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr in names
    ]


def imports_of(modules: Sequence[Module], packages: set[str]) -> list[str]:
    """Imports of any of these packages."""
    return [
        f"{module.name}:{line} imports {name}"
        for module in modules
        for line, name in _imports(module)
        if name.partition(".")[0] in packages
    ]


def machine_paths(name: str, text: str) -> list[str]:
    """Absolute paths that exist on somebody's machine only."""
    return [
        f"{name}:{number} {match.group()}"
        for number, line in enumerate(text.splitlines(), 1)
        for match in _MACHINE_PATH.finditer(line)
    ]


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    arguments = function.args
    names = [one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"])) + bool(arguments.vararg) + bool(arguments.kwarg)


def _is_broad(caught: ast.expr | None) -> bool:
    if caught is None:
        return True
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"} for one in kinds)


def _ends_in_raise(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _comments(module: Module) -> Iterator[tokenize.TokenInfo]:
    for token in tokenize.generate_tokens(io.StringIO(module.text).readline):
        if token.type == tokenize.COMMENT:
            yield token


def _imports(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, one.name) for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module
