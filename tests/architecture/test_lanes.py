"""The fast lane holds what is fast and nothing else: its rules on planted projects, its guard, and the lane itself."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lanes import SLOW_LIBRARIES, Lanes
from tests.paths import ROOT

FILES = {
    "training/fit.py": "import torch.nn\n",
    "training/lazy.py": "def fit():\n    import torch\n",
    "training/above_lazy.py": "import training.lazy\n",
    "training/typed.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n",
    "training/__init__.py": "",
    "training/heavy/__init__.py": "try:\n    import onnxruntime\nexcept ImportError: ...\n",
    "training/heavy/light.py": "",
    "clients/stack.py": "import subprocess\nfrom deploy.local.stack import LocalStack\n",
    "clients/python/crossrank_client/__init__.py": "import transformers\n",
    "tests/conftest.py": "from deploy.local.stack import LocalStack\n@fixture\ndef stack(): ...\ndef f(): ...\n",
    "tests/servers.py": "from deploy.local.process.part import RunningPart\n",
    "tests/slow/conftest.py": "import training.fit\n",
}


@pytest.mark.parametrize(
    ("test", "text", "because"),
    [
        ("tests/test_a.py", "import torch\n", "torch"),
        ("tests/test_a.py", "from torch.nn import Linear\n", "torch"),
        ("tests/test_a.py", "from training import fit\n", "torch"),
        ("tests/test_a.py", "from training.fit import train\n", "torch"),
        ("tests/test_a.py", "import training.heavy.light\n", "onnxruntime"),
        ("tests/test_a.py", "import crossrank_client\n", "transformers"),
        ("tests/test_a.py", "import tests.servers\n", "deploy.local.process.part.RunningPart"),
        ("tests/test_a.py", "import subprocess\n", "subprocess"),
        ("tests/test_a.py", "import asyncio\nasync def test_a():\n    asyncio.create_subprocess_exec()", "subprocess"),
        ("tests/slow/test_a.py", "", "torch"),
        ("tests/test_a.py", "from training import lazy\n", "torch"),
        ("tests/test_a.py", "from training import typed, above_lazy\n", None),
        ("tests/test_a.py", "import clients.stack\n", None),
        ("tests/test_a.py", "import torchvision\n", None),
        ("tests/test_a.py", "def test_a():\n    import torch\n", None),
    ],
)
def test_a_test_is_slow_for_what_it_imports_and_for_what_it_tests_imports_later(
    tmp_path: Path, test: str, text: str, because: str | None
) -> None:
    assert planted(tmp_path, {test: text}).slow_because(tmp_path / test) == because


def test_fixtures_of_a_conftest_that_starts_servers_are_known_by_name(tmp_path: Path) -> None:
    assert planted(tmp_path, {}).server_fixtures() == {"stack"}


@pytest.mark.parametrize("library", sorted(SLOW_LIBRARIES))
def test_a_slow_library_cannot_be_imported_in_the_fast_lane(library: str) -> None:
    assert f"NotInTheFastLane: {library} is imported" in guarded(f"import {library}")


def test_a_program_cannot_be_started_in_the_fast_lane() -> None:
    assert "NotInTheFastLane: tritonserver is started" in guarded("import subprocess; subprocess.run(['tritonserver'])")
    started = "import asyncio; asyncio.run(asyncio.create_subprocess_exec('postgres'))"
    assert "NotInTheFastLane: postgres is started" in guarded(started)


def test_other_modules_are_free_in_the_fast_lane() -> None:
    assert guarded("import numpy, subprocess, crossrank_client") == ""


def test_the_fast_lane_passes_without_servers_and_slow_libraries() -> None:
    command = (
        sys.executable,
        "-m",
        "pytest",
        "--fast",
        "-q",
        "-n",
        "2",
        "--dist",
        "loadscope",
        "-p",
        "no:cacheprovider",
    )
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 1500


def planted(root: Path, more: dict[str, str]) -> Lanes:
    """A project of these files."""
    for name, text in {**FILES, **more}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Lanes(root)


def guarded(program: str) -> str:
    """What the program says on stderr in a process that is guarded as the fast lane is."""
    lines = f"from tests.lanes import guard\nguard()\n{program}"
    return subprocess.run((sys.executable, "-c", lines), cwd=ROOT, capture_output=True, text=True, check=False).stderr
