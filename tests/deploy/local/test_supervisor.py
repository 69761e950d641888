"""The supervisor: in which order things end, whom it follows, and what it does when it cannot go on."""

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from deploy.local import supervisor
from deploy.local.plan import Plan
from deploy.local.process import orphans, process
from deploy.local.process.part import Part
from deploy.local.process.state import StackState, Status
from deploy.local.supervisor import Supervisor
from tests.deploy.local.waiting import wait_until
from tests.paths import ROOT


@dataclass
class Script:
    """A part that runs until it is stopped, and writes down when that happens."""

    name: str
    state_directory: Path
    story: list[str]
    url: str = "nowhere"
    start_timeout_s: float = 10.0

    def prepare(self, log_file: Path) -> None:
        self.story.append(f"{self.name} starts")

    def command(self) -> process.Command:
        return process.Command(
            arguments=("/bin/sh", "-c", "exec sleep 60"),
            directory=self.state_directory,
            mark=orphans.mark(self.name, self.state_directory),
        )

    def probe(self, timeout_s: float) -> None:
        pass

    def clean_up(self) -> None:
        if f"{self.name} starts" in self.story:
            self.story.append(f"{self.name} ends")


Run = Callable[[Supervisor], threading.Thread]


@pytest.fixture
def story(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happens to a stack of three scripts, in order."""
    told: list[str] = []

    def build(plan: Plan, state_directory: Path) -> list[Part]:
        servers = [name for name in plan.parts if name != "gateway"]
        names = [*servers, *(plan.gateway_names if "gateway" in plan.parts else ())]
        return [Script(name, state_directory, told) for name in names]

    monkeypatch.setattr(supervisor, "build_parts", build)
    return told


@pytest.fixture
def run() -> Iterator[Run]:
    threads: list[tuple[Supervisor, threading.Thread]] = []

    def start(one: Supervisor) -> threading.Thread:
        thread = threading.Thread(target=one.run)
        thread.start()
        threads.append((one, thread))
        return thread

    yield start
    for one, thread in threads:
        one.stop()
        thread.join()


def status(directory: Path) -> Status:
    return StackState.load(directory / "state.json").status


def test_the_gateway_starts_last_and_ends_first(tmp_path: Path, story: list[str], run: Run) -> None:
    one = Supervisor(Plan(), tmp_path)
    thread = run(one)
    wait_until(lambda: status(tmp_path) is Status.READY, "everything is ready")
    assert sorted(story[:2]) == ["postgres starts", "triton starts"]
    assert story[2:] == ["gateway starts"]
    one.stop()
    thread.join()
    assert story[3] == "gateway ends"
    assert sorted(story[4:]) == ["postgres ends", "triton ends"]
    assert status(tmp_path) is Status.STOPPED


def test_several_gateways_start_when_the_servers_answer_and_end_before_them(
    tmp_path: Path, story: list[str], run: Run
) -> None:
    one = Supervisor(Plan(gateways=3), tmp_path)
    thread = run(one)
    wait_until(lambda: status(tmp_path) is Status.READY, "everything is ready")
    gateways = ["gateway", "gateway-2", "gateway-3"]
    assert sorted(story[:2]) == ["postgres starts", "triton starts"]
    assert sorted(story[2:]) == [f"{name} starts" for name in gateways]
    one.stop()
    thread.join()
    assert sorted(story[5:8]) == [f"{name} ends" for name in gateways]
    assert sorted(story[8:]) == ["postgres ends", "triton ends"]
    assert [found for name in gateways for found in orphans.find(name, tmp_path)] == []


def test_all_gateways_are_asked_to_stop_before_any_is_waited_for(
    tmp_path: Path, story: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(3)

    def wait_for_the_others(self: Script) -> None:
        if self.name.startswith("gateway") and f"{self.name} starts" in self.story:
            together.wait(timeout=15)

    one = Supervisor(Plan(gateways=3), tmp_path)
    thread = run(one)
    wait_until(lambda: status(tmp_path) is Status.READY, "everything is ready")
    monkeypatch.setattr(Script, "clean_up", wait_for_the_others)
    one.stop()
    thread.join()
    assert not together.broken
    assert status(tmp_path) is Status.STOPPED


def test_one_gateway_that_ends_is_replaced_while_the_others_stay(tmp_path: Path, story: list[str], run: Run) -> None:
    run(Supervisor(Plan(gateways=2), tmp_path))
    wait_until(lambda: status(tmp_path) is Status.READY, "everything is ready")
    before = StackState.load(tmp_path / "state.json")
    psutil.Process(before.part("gateway-2").pid).kill()

    def replaced() -> bool:
        part = StackState.load(tmp_path / "state.json").part("gateway-2")
        return part.restarts == 1 and part.status is Status.READY

    wait_until(replaced, "it is replaced")
    after = StackState.load(tmp_path / "state.json")
    assert after.part("gateway") == before.part("gateway")
    assert after.part("gateway-2").pid != before.part("gateway-2").pid


def test_a_stop_during_the_start_is_obeyed(tmp_path: Path, story: list[str], run: Run) -> None:
    one = Supervisor(Plan(), tmp_path)
    thread = run(one)
    one.stop()
    thread.join()
    assert [found for name in Plan().parts for found in orphans.find(name, tmp_path)] == []


def test_the_state_names_the_supervisor_and_every_part_from_the_start(
    tmp_path: Path, story: list[str], run: Run
) -> None:
    run(Supervisor(Plan(), tmp_path))
    wait_until((tmp_path / "state.json").exists, "the state is written")
    state = StackState.load(tmp_path / "state.json")
    assert state.supervisor_pid == os.getpid()
    assert [part.name for part in state.parts] == ["postgres", "triton", "gateway"]


def test_it_ends_with_its_owner(tmp_path: Path, story: list[str], run: Run) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as owner:
        thread = run(Supervisor(Plan(parts=("postgres",)), tmp_path, psutil.Process(owner.pid)))
        wait_until(lambda: status(tmp_path) is Status.READY, "it is ready")
        owner.kill()
    thread.join()
    assert story == ["postgres starts", "postgres ends"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watcher_that_dies_of_a_bug_stops_the_stack_loudly(
    tmp_path: Path, story: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(self: Script, timeout_s: float) -> None:
        if self.name == "triton":
            raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Script, "probe", bug)
    with pytest.raises(RuntimeError, match="threads ended unexpectedly: watch triton"):
        Supervisor(Plan(parts=("postgres", "triton")), tmp_path).run()
    assert "postgres ends" in story
    assert list(orphans.find("postgres", tmp_path)) == []


def test_a_second_supervisor_of_the_same_directory_is_refused_by_the_first(tmp_path: Path) -> None:
    Plan(parts=("postgres",), postgres_url="postgresql://127.0.0.1:1/x").with_ports({}).save(tmp_path / "plan.json")
    command = [sys.executable, "-m", "deploy.local.supervisor", str(tmp_path)]
    root = ROOT
    with subprocess.Popen(command, cwd=root, stderr=subprocess.DEVNULL) as first:
        wait_until((tmp_path / "state.json").exists, "the first runs")
        second = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
        first.terminate()
    assert first.returncode == 0
    assert second.returncode == 1
    assert f"process {first.pid} already runs the stack" in second.stderr


def test_its_log_tells_every_change_with_its_reason(
    tmp_path: Path, story: list[str], run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="supervisor")
    run(Supervisor(Plan(parts=("postgres",)), tmp_path))
    wait_until(lambda: "postgres: ready" in caplog.text, "it is told")
    document = json.loads((tmp_path / "state.json").read_text())
    assert f"postgres: ready, process {document['parts'][0]['pid']}, restarts 0" in caplog.text
