"""An installation holds what its parts import: the gateway and the client need no extra, the demo the one for the local
stack. Each is imported in a process from which everything else that happens to be installed here is hidden."""

import re
import subprocess
import sys
from importlib import metadata

import pytest

from clients.command_line.shared.commands import COMMANDS
from tests.paths import ROOT

_REQUIREMENT = re.compile(r"^([\w.-]+)(?:\[([\w,.-]+)\])?.*?(?:;(.*))?$")
_DEMO = (
    "stack.demo,stack.demo_data,stack.demo_run,stack.demo_table,stack.stack,"
    "catalog.index,catalog.table_index,catalog.table_rows,ask.recommend"
)
_PARTS = {
    "the API": ("crossrank-api", "crossrank.v1.ranking_pb2_grpc", ()),
    "the client": ("crossrank-client", "crossrank_client", ()),
    "the gateway": ("crossrank", "gateway.app", ()),
    "the demo": ("crossrank", ",".join(f"clients.command_line.{one}" for one in _DEMO.split(",")), ("local",)),
}


def installed_with(name: str, extras: tuple[str, ...]) -> set[str]:
    """Distributions that ``pip install name[extras]`` brings, itself included, in normal form."""
    found: set[str] = set()
    waiting = [(name, extras)]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        found.add(_normal(one[0]))
        waiting += _requirements(*one)
    return found


def _requirements(name: str, extras: tuple[str, ...]) -> list[tuple[str, tuple[str, ...]]]:
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # for another platform
        return []
    wanted = []
    for line in lines:
        match = _REQUIREMENT.match(line)
        assert match, line
        extra = re.search(r"extra\s*==\s*['\"]([\w.-]+)['\"]", match[3] or "")
        if extra is None or extra[1] in extras:
            wanted.append((match[1], tuple((match[2] or "").split(",")) if match[2] else ()))
    return wanted


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def hidden_from(distribution: str, extras: tuple[str, ...]) -> list[str]:
    """Packages that are here and would not be in an installation with these extras."""
    present = installed_with(distribution, extras)
    owners = metadata.packages_distributions()
    return [package for package, names in owners.items() if not {_normal(name) for name in names} & present]


def import_without_others(distribution: str, modules: str, extras: tuple[str, ...]) -> str:
    """Imports the modules in an installation with these extras; "" or the error."""
    hidden = hidden_from(distribution, extras)
    program = f"import sys; sys.modules.update(dict.fromkeys({hidden!r})); import {modules}"
    done = subprocess.run((sys.executable, "-c", program), cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stderr


@pytest.mark.parametrize("part", _PARTS)
def test_a_part_imports_only_what_is_installed_for_it(part: str) -> None:
    assert import_without_others(*_PARTS[part]) == ""


@pytest.mark.parametrize(("module", "extras"), [("psutil", ()), ("onnx", ("local",))])
def test_what_is_not_installed_would_be_missed(module: str, extras: tuple[str, ...]) -> None:
    assert f"import of {module} halted" in import_without_others("crossrank", module, extras)


_HELP_OF_ALL = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in HIDDEN:
            raise ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Hidden())
from clients.command_line.main import build_app
from clients.command_line.shared.commands import COMMANDS
for words in COMMANDS:
    build_app()([*words.split(), "--help"], standalone_mode=False)
"""


@pytest.mark.parametrize("extras", [(), ("local",)], ids=["none", "local"])
def test_the_help_of_every_command_is_shown_whatever_is_not_installed(extras: tuple[str, ...]) -> None:
    hidden = set(hidden_from("crossrank", extras))
    assert {"torch", "transformers", "matplotlib"} <= hidden
    program = f"HIDDEN = {hidden!r}{_HELP_OF_ALL}"
    done = subprocess.run((sys.executable, "-c", program), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.count("Usage: ") == len(COMMANDS)


def test_an_extra_brings_its_libraries() -> None:
    assert import_without_others("crossrank", "psutil", ("local",)) == ""
