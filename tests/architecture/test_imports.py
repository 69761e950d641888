"""The import contracts of pyproject.toml hold, and each of them notices a planted import."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.paths import ROOT

PACKAGES = ("gateway", "training", "deploy", "clients", "protos")
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

# One line planted per contract: the file it goes to, and an import that the contract forbids.
PLANTED = {
    "house": ("training/metrics/__init__.py", "import clients.load"),
    "training-downwards": ("training/protocol/__init__.py", "import training.fit"),
    "commands-downwards": ("clients/command_line/shared/__init__.py", "import clients.command_line.train"),
    "local-downwards": ("deploy/local/process/__init__.py", "import deploy.local.doctor"),
    "one-report-kit": ("training/metrics/ties.py", "import matplotlib"),
    "downwards": ("gateway/scoring/admission.py", "import gateway.pipeline"),
    "ports-only": ("gateway/ranking/order.py", "import gateway.store.pool"),
    "no-wire-in-core": ("gateway/domain/values.py", "import google.protobuf.message"),
    "triton-behind-one-door": ("gateway/scoring/endpoints.py", "import tritonclient.grpc"),
    "one-tokeniser": ("gateway/cache/keys.py", "import tokenizers"),
    "settings-at-the-top": ("gateway/domain/budget.py", "import gateway.settings"),
    "serving-without-training": ("gateway/domain/limits.py", "import torch"),
    "stack-from-outside": ("deploy/local/parts/ports.py", "import gateway.domain.values"),
    "client-alone": ("clients/python/crossrank_client/channel.py", "import deploy.local.parts.ports"),
    "no-cycles": (
        "gateway/domain/errors.py",
        "import gateway.domain.values\n# and in gateway/domain/values.py the other way round",
    ),
}


def test_every_contract_holds() -> None:
    assert _outcomes(ROOT) == dict.fromkeys(_names(), "KEPT")


def test_every_contract_has_a_planted_violation() -> None:
    assert {contract["id"] for contract in CONTRACTS} == set(PLANTED)


@pytest.fixture(scope="module")
def planted_outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the contracts say of a copy of the project with all violations planted."""
    copy = tmp_path_factory.mktemp("planted")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for file, line in [*PLANTED.values(), ("gateway/domain/values.py", "import gateway.domain.errors")]:
        with (copy / file).open("a", encoding="utf-8") as module:
            module.write(f"\n{line}\n")
    return _outcomes(copy)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: str(contract["id"]))
def test_a_planted_import_breaks_the_contract(contract: dict[str, str], planted_outcomes: dict[str, str]) -> None:
    assert planted_outcomes[contract["name"]] == "BROKEN"


def _names() -> list[str]:
    return [contract["name"] for contract in CONTRACTS]


def _outcomes(project: Path) -> dict[str, str]:
    """KEPT or BROKEN for each contract of the project in this folder."""
    environment = {**os.environ, "PYTHONPATH": f"{project}:{project / 'clients/python'}:{project / 'protos/python'}"}
    command = (str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo")
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    verdicts = re.findall(r"^(.+) (KEPT|BROKEN)(?: \(\d+ ignored imports?\))?$", done.stdout, re.MULTILINE)
    outcomes = {name: verdict for name, verdict in verdicts if name in _names()}
    assert len(outcomes) == len(CONTRACTS), done.stdout + done.stderr
    return outcomes
