"""The state file and the lock: what others may believe about a stack."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.local.errors import LocalStackError
from deploy.local.process.lock import StackLock
from deploy.local.process.state import PartState, StackState, Status


def stack_of(*statuses: Status) -> StackState:
    return StackState(7, [PartState(f"part{number}", status=status) for number, status in enumerate(statuses)])


def test_a_state_survives_its_file(tmp_path: Path) -> None:
    part = PartState("triton", "127.0.0.1:1", Status.UNREADY, 9, 2, "too loaded", "wait", "/log")
    StackState(7, [part]).save(tmp_path / "state.json")
    assert StackState.load(tmp_path / "state.json") == StackState(7, [part])


def test_without_a_file_the_stack_is_stopped(tmp_path: Path) -> None:
    assert StackState.load(tmp_path / "state.json").status is Status.STOPPED


def test_the_file_also_tells_the_status_of_the_whole(tmp_path: Path) -> None:
    stack_of(Status.READY, Status.FAILED).save(tmp_path / "state.json")
    assert json.loads((tmp_path / "state.json").read_text())["status"] == "failed"


def test_the_file_is_replaced_as_a_whole_and_closed_to_others(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    stack_of(Status.STARTING).save(file)
    first = file.stat().st_ino
    with file.open() as reader:
        stack_of(Status.READY).save(file)
        assert json.load(reader)["status"] == "starting", "a reader keeps a whole document"
    assert file.stat().st_ino != first
    assert file.stat().st_mode & 0o077 == 0
    assert [found.name for found in tmp_path.iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        ((), Status.STOPPED),
        ((Status.READY, Status.READY), Status.READY),
        ((Status.READY, Status.UNREADY), Status.UNREADY),
        ((Status.STARTING, Status.UNREADY), Status.STARTING),
        ((Status.RESTARTING, Status.STARTING), Status.RESTARTING),
        ((Status.READY, Status.FAILED, Status.RESTARTING), Status.FAILED),
        ((Status.READY, Status.STOPPED), Status.STOPPED),
    ],
)
def test_the_whole_is_what_its_worst_part_is(parts: tuple[Status, ...], whole: Status) -> None:
    assert stack_of(*parts).status is whole


def test_a_part_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(KeyError, match="no part 'redis', only part0, part1"):
        stack_of(Status.READY, Status.READY).part("redis")


def test_a_lock_is_held_by_the_process_that_took_it(tmp_path: Path) -> None:
    lock = StackLock(tmp_path)
    assert lock.holder() is None
    script = (
        "import sys; from pathlib import Path; from deploy.local.process.lock import StackLock\n"
        "with StackLock(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert lock.holder() == holder.pid != os.getpid()
        with pytest.raises(LocalStackError, match=f"process {holder.pid} already runs the stack") as refusal, lock:
            pass
        assert refusal.value.remedy == "crossrank down"
        holder.kill()
        holder.wait()
        assert lock.holder() is None, "the kernel frees the lock of a killed holder"


def test_a_lock_can_be_taken_again_after_its_release(tmp_path: Path) -> None:
    for _ in range(2):
        with StackLock(tmp_path):
            pass
