"""An installation holds what its parts import: the gateway and the client need no extra, the demo the one for the local
stack. Each is imported in a process from which everything else that happens to be installed here is hidden."""

import re
import subprocess
import sys
from importlib import metadata

import pytest

from tests.paths import ROOT

_REQUIREMENT = re.compile(r"^([\w.-]+)(?:\[([\w,.-]+)\])?.*?(?:;(.*))?$")
_DEMO = (
    "stack.demo,stack.demo_data,stack.demo_run,stack.demo_table,stack.stack,"
    "catalog.index,catalog.table_index,catalog.table_rows,ask.recommend"
)
_PARTS = {
    "the gateway": ("gateway.app", ()),
    "the client": ("crossrank_client", ()),
    "the demo": (",".join(f"clients.command_line.{one}" for one in _DEMO.split(",")), ("local",)),
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


def import_without_others(modules: str, extras: tuple[str, ...]) -> str:
    """Imports the modules in an installation with these extras; "" or the error."""
    present = installed_with("crossrank", extras)
    owners = metadata.packages_distributions()
    hidden = [package for package, names in owners.items() if not {_normal(name) for name in names} & present]
    program = f"import sys; sys.modules.update(dict.fromkeys({hidden!r})); import {modules}"
    done = subprocess.run((sys.executable, "-c", program), cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stderr


@pytest.mark.parametrize("part", _PARTS)
def test_a_part_imports_only_what_is_installed_for_it(part: str) -> None:
    assert import_without_others(*_PARTS[part]) == ""


@pytest.mark.parametrize(("module", "extras"), [("psutil", ()), ("onnx", ("local",))])
def test_what_is_not_installed_would_be_missed(module: str, extras: tuple[str, ...]) -> None:
    assert f"import of {module} halted" in import_without_others(module, extras)


def test_an_extra_brings_its_libraries() -> None:
    assert import_without_others("psutil", ("local",)) == ""
