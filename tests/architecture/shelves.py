"""Detectors of folders: each file on its shelf, tests where their module lies. Paths are relative, with slashes: code's
to the project, tests' to tests/."""

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath

NO_MIRROR = ("architecture", "contracts", "docs", "e2e", "faults", "fakes", "model_repository")
"""Rooms of tests that are of no one module."""

NO_MODULES = ("deploy/docker", "deploy/kubernetes")
"""Rooms that hold images and manifests: their tests bear the names of those."""


OF_NO_MODULE = ("readme", "package")
"""Tests of a room's README.md and of its distribution."""


def stray_tests(tests: Iterable[str], code: Collection[str]) -> list[str]:
    """Tests that are of no module or folder at the same path: ``a/test_b_c.py`` is of ``a/b_c``, or of ``a/b``."""
    homes = _homes(code)
    return [
        f"tests/{test} is of no module {PurePosixPath(test).parent}/{_subject(test)}.py, nor of its beginning"
        for test in tests
        if PurePosixPath(test).parent != PurePosixPath()
        and PurePosixPath(test).parts[0] not in NO_MIRROR
        and str(PurePosixPath(test).parent) not in NO_MODULES
        and _subject(test) not in OF_NO_MODULE
        and not set(_candidates(test)) & homes
    ]


def tested_share(tests: Collection[str], code: Collection[str]) -> float:
    """The share of modules that have a test of their own name."""
    modules = {path.removesuffix(".py") for path in code if not path.endswith("__init__.py")}
    tested = {home for test in tests for home in _candidates(test)} & modules
    return len(tested) / len(modules)


def crowded_folders(code: Iterable[str], most: int) -> list[str]:
    """Folders with too many modules of their own; what makes a folder a package does not count."""
    counts = Counter(str(PurePosixPath(path).parent) for path in code if not path.endswith("__init__.py"))
    return [f"{folder} has {number} modules" for folder, number in sorted(counts.items()) if number > most]


def protocols(tree: ast.Module) -> list[str]:
    """Names of the protocols that a module defines."""
    return [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases)
    ]


def suite_of(port: str) -> str:
    """The module of the port's contract suite: ScoreCache, test_score_cache."""
    return "test" + re.sub(r"([A-Z])", r"_\1", port).lower()


def _subject(test: str) -> str:
    return PurePosixPath(test).stem.removeprefix("test_")


def _candidates(test: str) -> Iterator[str]:
    """What the test may be of: its whole name, and every beginning of it that ends before an underscore."""
    words = _subject(test).split("_")
    folder = PurePosixPath(test).parent
    return (str(folder / "_".join(words[:end])) for end in range(1, len(words) + 1))


def _homes(code: Collection[str]) -> set[str]:
    """Modules without their ending, and all folders that hold some."""
    files = {path.removesuffix(".py") for path in code}
    return files | {str(folder) for path in code for folder in PurePosixPath(path).parents}
