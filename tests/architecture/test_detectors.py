"""Every detector catches a planted violation, and leaves its neighbour alone."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture import detectors, shelves
from tests.architecture.source import Module, code_lines, read_modules

Detector = Callable[[list[Module]], list[str]]
_BODY = "\n".join(f"    x = {number}" for number in range(60))


def _imports_torch(modules: list[Module]) -> list[str]:
    return detectors.imports_of(modules, {"torch"})


PLANTED: list[tuple[Detector, str, str]] = [
    (lambda modules: detectors.long_modules(modules, 300), "x = 1\n" * 301, "x = 1\n" * 300),
    (lambda modules: detectors.long_functions(modules, 60), f"def f():\n{_BODY}\n", f"def f():\n{_BODY[:-11]}\n"),
    (
        lambda modules: detectors.many_parameters(modules, 6),
        "class A:\n    def f(self, a, b, c, *d, e, f, **g): ...",
        "class A:\n    def f(self, a, b, c, *d, e, f): ...",
    ),
    (lambda modules: detectors.many_parameters(modules, 2), "def f(a, b, /, c): ...", "def f(a, /, c): ..."),
    (detectors.undocumented_modules, "import os\n", '"""Why."""\nimport os\n'),
    (detectors.environment_readers, "import os\nx = os.environ['A']\n", "import os\nx = os.getcwd()\n"),
    (detectors.environment_readers, "import os\nx = os.getenv('A')\n", "x = self.environ\n"),
    (detectors.environment_readers, "from os import environ\n", "from os import path\n"),
    (detectors.broad_excepts, "try: f()\nexcept Exception: pass\n", "try: f()\nexcept ValueError: pass\n"),
    (detectors.broad_excepts, "try: f()\nexcept: pass\n", "try: f()\nexcept BaseException:\n    g()\n    raise\n"),
    (
        detectors.broad_excepts,
        "try: f()\nexcept (OSError, BaseException) as e:\n    raise ValueError from e\n",
        "try: f()\nexcept (OSError, KeyError) as e:\n    raise ValueError from e\n",
    ),
    (
        detectors.silenced_types,
        "x = 1  # type: ignore[attr-defined]\n",  # planted: text that the detector must find; silences nothing here
        'x = "# type: ignore"\n',  # planted: the words in a string, to be left alone; silences nothing here
    ),
    (detectors.silenced_types, "# mypy: disable-error-code=arg-type\n", "# types matter\n"),
    (
        detectors.skipped_tests,
        "import pytest\n@pytest.mark.skip\ndef test_a(): ...\n",  # planted: text that is never run; skips nothing here
        "def test_skip(): ...\n",
    ),
    (detectors.skipped_tests, "import pytest\npytest.importorskip('x')\n", "import pytest\npytest.raises(A)\n"),
    (
        lambda modules: detectors.imports_of(modules, {"torch"}),
        "def f():\n    import torch.nn\n",
        "import torchvision\n",
    ),
    (lambda modules: detectors.imports_of(modules, {"torch"}), "from torch import nn\n", "from .torch import nn\n"),
]


@pytest.mark.parametrize(("detector", "bad", "good"), PLANTED)
def test_a_planted_violation_is_caught_and_its_neighbour_is_not(detector: Detector, bad: str, good: str) -> None:
    assert len(detector([Module(Path("planted.py"), bad)])) == 1
    assert detector([Module(Path("fine.py"), good)]) == []


@pytest.mark.parametrize("path", ["/home/me/x", "/root/project", "open('/srv/data')", "at /Users/me", "C:\\\\Users"])
def test_a_path_of_a_machine_is_caught(path: str) -> None:
    assert len(detectors.machine_paths("a.md", path)) == 1


@pytest.mark.parametrize(
    "path", ["/dev/shm", "/models/1", "https://host/home/page", "src/root/x", "./home/x", "/proc/self"]
)
def test_other_paths_are_no_paths_of_a_machine(path: str) -> None:
    assert detectors.machine_paths("a.md", path) == []


def test_only_lines_with_code_are_counted(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "a.py").write_text('"""Why."""\n\n# comment\nx = 1  # one\n')
    assert code_lines(read_modules(["package"], tmp_path)) == 2


CODE = ["a/b.py", "a/b_c.py", "a/d/__init__.py", "a/d/e.py"]


@pytest.mark.parametrize("test", ["a/test_c.py", "a/test_bc.py", "a/d/test_b.py", "test/a/test_b.py", "a/test_e.py"])
def test_a_test_without_a_module_at_its_path_is_caught(test: str) -> None:
    assert len(shelves.stray_tests([test], CODE)) == 1


@pytest.mark.parametrize(
    "test",
    ["a/test_b.py", "a/test_b_of_old.py", "a/test_b_c_twice.py", "a/test_d.py", "e2e/test_x.py", "test_readme.py"],
)
def test_a_test_beside_its_module_or_of_no_one_module_is_left_alone(test: str) -> None:
    assert shelves.stray_tests([test], CODE) == []


def test_only_modules_with_a_test_of_their_name_are_counted_as_tested() -> None:
    assert shelves.tested_share(["a/test_b_c.py", "a/d/test_b.py"], CODE) == 2 / 3
    assert shelves.tested_share(["a/test_b.py", "a/d/test_e_slow.py"], [*CODE, "a/f.py"]) == 2 / 4


def test_a_folder_with_too_many_modules_is_caught() -> None:
    assert shelves.crowded_folders([*CODE, "a/f.py"], 2) == ["a has 3 modules"]
    assert shelves.crowded_folders(CODE, 2) == []


def test_protocols_are_told_from_other_classes_and_have_their_suite() -> None:
    tree = ast.parse("class ItemStore(ItemReader, Protocol): ...\nclass Item: ...\nclass Odd(Store): ...")
    assert shelves.protocols(tree) == ["ItemStore"]
    assert shelves.suite_of("ItemStore") == "test_item_store"
