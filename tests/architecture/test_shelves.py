"""Folders are as they should be: none too full, tests beside what they test, a contract suite for every port."""

from pathlib import Path

from tests.architecture import shelves
from tests.architecture.source import CODE, Module, read_modules
from tests.paths import ROOT

CODE_FILES = [module.name for module in read_modules(CODE) if not module.name.startswith("model_repository/")]
"""What ships in model_repository is a copy of training/export/worker."""
TEST_FILES = [file.relative_to(ROOT / "tests").as_posix() for file in sorted((ROOT / "tests").rglob("test_*.py"))]
PORTS = Module(ROOT / "gateway/ports.py", (ROOT / "gateway/ports.py").read_text(encoding="utf-8"))

MOST_MODULES = 15
MOST_MODULES_OF_TRAINING_ITSELF = 7
TESTED_SHARE = 0.62
"""A ratchet: raise it with the tests, never lower it."""


def test_every_test_lies_where_its_module_lies() -> None:
    assert len(TEST_FILES) > 250
    assert shelves.stray_tests(TEST_FILES, CODE_FILES) == []


def test_the_share_of_modules_with_a_test_of_their_own_name_does_not_fall() -> None:
    assert shelves.tested_share(TEST_FILES, CODE_FILES) >= TESTED_SHARE


def test_no_folder_has_more_than_15_modules() -> None:
    assert shelves.crowded_folders(CODE_FILES, MOST_MODULES) == []


def test_few_modules_of_training_lie_in_no_room() -> None:
    at_the_root = [name for name in CODE_FILES if Path(name).parent == Path("training")]
    assert shelves.crowded_folders(at_the_root, MOST_MODULES_OF_TRAINING_ITSELF) == []


def test_every_port_has_a_contract_suite_of_its_name_and_every_suite_a_port() -> None:
    suites = {Path(file).stem for file in TEST_FILES if file.startswith("contracts/")}
    assert suites == {shelves.suite_of(port) for port in shelves.protocols(PORTS.tree)}
