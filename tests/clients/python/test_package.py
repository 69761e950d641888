"""What a consumer gets: the two wheels, alone in an empty environment beside numpy 2, and calls to a live gateway."""

import asyncio
import email
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.paths import ROOT

PROJECTS = (ROOT / "protos/python", ROOT / "clients/python")
ALLOWED = {"crossrank-api", "crossrank-client", "googleapis-common-protos", "grpcio", "protobuf", "typing-extensions"}
"""Of these grpcio brings typing-extensions."""
BROUGHT_BY_THE_TEST = {"numpy", "pip", "setuptools"}
LIST = (
    "import importlib.metadata as m, json; "
    "print(json.dumps({d.metadata['Name'].lower().replace('_', '-'): d.version for d in m.distributions()}))"
)
ASK = """
import asyncio, json, sys
import crossrank_client
from crossrank_client import Candidate, CrossrankClient, CrossrankRequestInvalid, Item, Query, SyncCrossrankClient, User
at_import = sorted(sys.modules)

CANDIDATES = [Candidate(str(number), {"title": f"Film {number}"}) for number in range(3)]

async def ask(target):
    async with CrossrankClient(target) as client:
        ranked = await client.rerank(Query("war films"), CANDIDATES)
        return [one.item_id for one in ranked.items], (await client.health()).value

asynchronous = asyncio.run(ask(sys.argv[1]))
with SyncCrossrankClient(sys.argv[1]) as client:
    ranked = [one.item_id for one in client.rerank(Query("war films"), CANDIDATES).items]
    synchronous = ranked, client.health().value
    inserted = client.upsert_items([Item("1", {"title": "Alien"})]).inserted
    try:
        client.recommend(User("u" * 1000))
    except CrossrankRequestInvalid as error:
        refused = [one.field for one in error.violations]

import numpy
with SyncCrossrankClient(sys.argv[1]) as client:
    score = Candidate("1", {"title": "x"}, first_stage_score=numpy.float32(0.5))
    with_numpy = len(client.rerank(Query("war films"), [score]).items)
print(json.dumps({
    "from": crossrank_client.__file__, "at_import": at_import, "asynchronous": asynchronous, "synchronous": synchronous,
    "inserted": inserted, "refused": refused, "numpy": numpy.__version__, "with_numpy": with_numpy,
}))
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Both wheels, the API's first. Made of copies: a build leaves files beside its sources."""
    folder = tmp_path_factory.mktemp("wheels")
    made = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
    copies = [shutil.copytree(one, folder / str(place), ignore=made) for place, one in enumerate(PROJECTS)]
    command = (sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "-w", str(folder))
    subprocess.run((*command, *map(str, copies)), check=True, capture_output=True)
    return sorted(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory, wheels: list[Path]) -> Path:
    """The Python of an environment that has the wheels, what they ask for, and numpy 2."""
    environment = tmp_path_factory.mktemp("consumer") / "venv"
    subprocess.run((sys.executable, "-m", "venv", str(environment)), check=True, capture_output=True)
    python = environment / "bin/python"
    install = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *map(str, wheels))
    subprocess.run((*install, "numpy>=2"), check=True, capture_output=True, text=True)
    return python


async def _run(python: Path, *arguments: str) -> Any:
    """What a program prints, as JSON. Warnings are errors, and nothing of this project is in reach."""
    running = await asyncio.create_subprocess_exec(
        *(str(python), "-I", "-W", "error", *arguments),
        cwd=python.parent,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await running.communicate()
    assert running.returncode == 0, complained.decode()
    return json.loads(said)


def test_wheels_carry_types_licence_and_readme(wheels: list[Path]) -> None:
    for wheel, (package, extra) in zip(
        wheels, (("crossrank", "crossrank/v1/service_config.json"), ("crossrank_client", "")), strict=True
    ):
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            metadata = email.message_from_bytes(archive.read(next(one for one in names if one.endswith("/METADATA"))))
            (licence,) = [one for one in names if one.endswith("/licenses/LICENSE")]
            assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
        assert f"{package}/py.typed" in names
        assert extra in {"", *names}
        assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {package}
        assert metadata["License-Expression"] == "Apache-2.0"
        assert metadata["Requires-Python"] == ">=3.10"
        assert f"# {metadata['Name']}\n" in metadata.get_payload()


def test_a_consumer_is_asked_for_nothing_but_grpc_and_protobuf() -> None:
    for project in PROJECTS:
        file = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert {one.split(">")[0].split("=")[0] for one in file["dependencies"]} <= ALLOWED
        assert "optional-dependencies" not in file


async def test_an_environment_with_numpy_2_holds_nothing_else(python: Path) -> None:
    installed = await _run(python, "-c", LIST)
    assert int(installed["numpy"].split(".")[0]) >= 2
    assert set(installed) - BROUGHT_BY_THE_TEST == ALLOWED


async def test_both_clients_of_the_wheel_are_answered_by_a_live_gateway(python: Path, gateway: str) -> None:
    told = await _run(python, "-c", ASK, gateway)
    assert Path(told["from"]).is_relative_to(python.parents[1])
    imported = {one.split(".")[0] for one in told["at_import"]}
    assert not imported & {"gateway", "training", "numpy", "grpc_status", "grpc_health"}
    assert told["asynchronous"] == told["synchronous"] == [["2", "1", "0"], "serving"]
    assert (told["inserted"], told["refused"]) == (1, ["context.user_id"])
    assert (told["numpy"].split(".")[0], told["with_numpy"]) == ("2", 1)
