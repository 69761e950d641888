"""Every block of shell or Python in a document works as it stands: on a real stack; one that trains, on a tiny shop."""

import json
import subprocess
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from deploy.local import stack
from deploy.local.parts.triton import PROJECT_REPOSITORY
from tests.clients.command_line.shop import make_shop
from tests.docs.documents import Block, blocks
from tests.docs.shell import Shell, write_tables
from tests.e2e.versions import write_repository
from tests.paths import ROOT

DOOR, GATEWAY, TRAINING, DEPLOY = "README.md", "gateway/README.md", "training/README.md", "deploy/README.md"
ELSEWHERE = ("clients/python/README.md", "clients/load/README.md")
"""Their blocks have tests beside what they document."""


def blocks_of(document: str, language: str = "sh") -> list[Block]:
    return [block for block in blocks(language) if str(block.document.relative_to(ROOT)) == document]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A folder with tables and nothing running."""
    folder = tmp_path_factory.mktemp("reader")
    opened = Shell.opened(folder, PROJECT_REPOSITORY)
    write_tables(folder, users=("196", "somebody"))
    try:
        yield opened
    finally:
        stack.down(folder / ".crossrank")


@pytest.fixture(scope="module")
def running(shell: Shell) -> Shell:
    """After the block that fills the catalogue."""
    [own_data] = [block for block in blocks_of(DOOR) if "crossrank index" in block.text]
    shell.run(own_data.text)
    parts = {part["name"]: part for part in json.loads(shell.run("crossrank status --json"))["parts"]}
    return replace(shell, gateway=parts["gateway"]["url"])


def test_every_block_belongs_to_a_document_whose_blocks_are_run() -> None:
    found = {str(block.document.relative_to(ROOT)) for block in blocks("sh", "python")}
    assert found <= {DOOR, GATEWAY, TRAINING, DEPLOY, *ELSEWHERE}


def test_the_two_commands_are_targets_of_make() -> None:
    [block] = [block for block in blocks_of(DOOR) if block.text.startswith("make demo")]
    for line in block.text.splitlines():
        done = subprocess.run(
            ["bash", "-c", line.replace("make", "make --dry-run", 1)], cwd=ROOT, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_the_service_answers_as_the_door_asks_it(running: Shell) -> None:
    [block] = [block for block in blocks_of(DOOR) if "buf curl" in block.text]
    printed = running.run(block.text)
    assert "attributionToken" in printed


def test_the_python_of_the_door_runs(running: Shell) -> None:
    [block] = blocks_of(DOOR, "python")
    imports, _, body = block.text.partition("\nasync with")
    main = textwrap.indent(f"async with{body}", "    ")
    program = f"import asyncio\n{imports}\nasync def main():\n{main}\nasyncio.run(main())\n"
    (running.folder / "door.py").write_text(program.replace("127.0.0.1:50051", running.gateway), encoding="utf-8")
    printed = running.run("python door.py")
    *lines, degraded = printed.splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(1, len(lines) + 1))
    assert lines
    assert degraded in {"True", "False"}, "a busy machine may keep first-stage order"


def test_the_stack_is_run_as_deploy_says(running: Shell) -> None:
    [block] = blocks_of(DEPLOY)
    running.run(block.text)
    assert json.loads(running.run("crossrank down --json"))["supervisor_ran"] is False


def test_a_challenger_is_tried_as_the_gateway_says(tmp_path: Path) -> None:
    repository = write_repository(tmp_path / "models", tmp_path / "scratch")
    shell = Shell.opened(tmp_path / "reader", repository)
    [block] = [block for block in blocks_of(GATEWAY) if "CROSSRANK_CHALLENGER" in block.text]
    try:
        shell.run(block.text.replace("CROSSRANK_CHALLENGER", "crossrank down; CROSSRANK_CHALLENGER"))
    finally:
        stack.down(shell.folder / ".crossrank")


def test_the_chain_of_training_ends_with_a_version_that_serves(tmp_path: Path) -> None:
    repository = tmp_path / "served"
    copytree(PROJECT_REPOSITORY / "bi_encoder", repository / "bi_encoder")
    shell = Shell.opened(tmp_path / "reader", repository)
    shop = make_shop(shell.folder, seed=29)
    shop.items.rename(shell.folder / "items.csv")
    shop.interactions.rename(shell.folder / "interactions.csv")
    shop.config.rename(shell.folder / "my.toml")
    [block] = [block for block in blocks_of(TRAINING) if "crossrank train" in block.text]
    try:
        shell.run(block.text)
    finally:
        stack.down(shell.folder / ".crossrank")
    assert (repository / "cross_encoder" / "1" / "model.onnx").is_file()
