"""The README of the client: its examples run as they stand, and its table lists every error."""

import asyncio
import inspect
import re
import sys
from pathlib import Path

import pytest

import crossrank_client
from crossrank_client import CrossrankCallError, CrossrankError
from tests.paths import ROOT

README = (ROOT / "clients/python/README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
ADDRESS = "127.0.0.1:50051"
SAID = (
    r"1 a 0\.5\n2 b 0\.25\n",
    r"1 8 1\n2 7 -1\n",
    r"UpsertCounts\(inserted=3, updated=0, unchanged=0\)\nRecordCounts\(recorded=1, duplicates=0, attributed=\d\)\n",
    r"candidates\[0\]\.first_stage_score received nan \(float\); a finite number\n",
    r"1000\n",
)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
async def test_an_example_runs_and_says_what_it_should(gateway: str, number: int, tmp_path: Path) -> None:
    program = tmp_path / "example.py"
    program.write_text(EXAMPLES[number].replace(ADDRESS, gateway))
    python = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", str(program)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await python.communicate()
    assert (python.returncode, complained.decode()) == (0, "")
    assert re.fullmatch(SAID[number], said.decode())


def test_the_examples_are_short_and_speak_to_the_default_address() -> None:
    assert len(EXAMPLES) == len(SAID)
    assert all(ADDRESS in example for example in EXAMPLES)
    assert max(len(example.replace("\n\n", "\n").splitlines()) for example in EXAMPLES) <= 10


def test_every_error_has_a_row() -> None:
    errors = {
        name for name, one in vars(crossrank_client).items() if inspect.isclass(one) and issubclass(one, CrossrankError)
    }
    bases = {one.__name__ for one in (CrossrankError, CrossrankCallError)}
    assert set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) == errors - bases


def test_every_method_is_mentioned() -> None:
    methods = {name for name in vars(crossrank_client.CrossrankClient) if not name.startswith("_")}
    assert {name for name in methods if not re.search(rf"\b{name}\b", README)} == set()
