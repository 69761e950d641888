"""Real samples of real processes. Where the kernel forbids them, what is tested is what one is told then."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients.load.bench import flame_graph
from clients.load.bench.flame_graph import draw_gateway, sample
from clients.load.bench.workload.readings import Load
from deploy.local.errors import StartFailed
from deploy.local.parts.triton import PROJECT_REPOSITORY

BUSY = """
def spin_for_ever():
    while True:
        sum(range(1000))

print("spinning", flush=True)
spin_for_ever()
"""


@pytest.fixture
def busy() -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child.pid
        child.kill()


def sampled(pid: int, folder: Path) -> Path:
    picture = folder / "drawn" / "picture.svg"
    sample(pid, 1, picture, folder / "log" / "py-spy.log")
    return picture


def readable(pid: int, folder: Path) -> bool:
    """Whether the kernel lets us read the process."""
    found = subprocess.run([flame_graph._PROGRAM, "dump", "--pid", str(pid)], capture_output=True, cwd=folder)
    return found.returncode == 0


def test_the_picture_names_the_function_that_takes_the_time(busy: int, tmp_path: Path) -> None:
    if not readable(busy, tmp_path):
        with pytest.raises(StartFailed, match="py-spy ended with") as refused:
            sampled(busy, tmp_path)
        assert "as root" in refused.value.remedy
        return
    assert "spin_for_ever" in sampled(busy, tmp_path).read_text()


def test_a_process_that_is_not_there_is_told_with_a_remedy(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with pytest.raises(StartFailed, match="py-spy ended with") as refused:
        sampled(ended.pid, tmp_path)
    assert "ptrace_scope" in refused.value.remedy
    assert "py-spy.log" in refused.value.remedy


def test_a_gateway_under_load_is_drawn_with_its_pipeline(busy: int, tmp_path: Path) -> None:
    picture = tmp_path / "gateway.svg"

    def drawn() -> float:
        return draw_gateway(PROJECT_REPOSITORY, tmp_path, Load("mixed", "closed", 2, 20), 3, picture).pairs_per_s

    if not readable(busy, tmp_path):
        with pytest.raises(StartFailed, match="py-spy ended with"):
            drawn()
        return
    assert drawn() > 0
    assert re.search(r"rerank \(gateway/pipeline\.py", picture.read_text())


def test_without_py_spy_nothing_is_started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(flame_graph, "_PROGRAM", tmp_path / "py-spy")
    with pytest.raises(StartFailed, match="py-spy is not installed"):
        draw_gateway(PROJECT_REPOSITORY, tmp_path, Load("mixed", "closed", 1, 5), 1, tmp_path / "gateway.svg")
    assert list(tmp_path.iterdir()) == []
