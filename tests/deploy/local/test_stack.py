"""The supervised stack for real: it heals what is killed, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import psutil
import psycopg
import pytest

from deploy.local.doctor.finding import Finding
from deploy.local.doctor.stack_checks import check_stack
from deploy.local.errors import LocalStackError, StartFailed
from deploy.local.parts import probes, shared_memory
from deploy.local.parts.triton_probe import TritonProbe
from deploy.local.plan import PARTS, Plan, triton_key
from deploy.local.process import orphans, process
from deploy.local.process.lock import StackLock
from deploy.local.process.part import RunningPart
from deploy.local.process.state import PartState, StackState, Status
from deploy.local.stack import LocalStack, down, ignored, read_status, up
from tests.conftest import StartTriton, Tritons
from tests.deploy.local.waiting import wait_until
from tests.paths import ROW_SUM_REPOSITORY

PLAN = Plan(parts=("postgres", "triton"), model_repository=str(ROW_SUM_REPOSITORY))
HEAL_TIMEOUT_S = 30.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("running"), PLAN) as stack:
        yield stack


def key_of(stack: LocalStack) -> Path:
    return triton_key(PLAN, stack.state_directory)


def remains(state_directory: Path) -> list[str]:
    processes = [str(found) for part in ("supervisor", *PARTS) for found in orphans.find(part, state_directory)]
    return processes + [str(region) for region in shared_memory.regions(state_directory)]


def findings(state_directory: Path) -> dict[str, Finding]:
    return {finding.name: finding for finding in check_stack(state_directory)}


def await_restart(stack: LocalStack, before: PartState) -> None:
    def healed() -> bool:
        part = stack.status().part(before.name)
        return part.restarts == before.restarts + 1 and part.status is Status.READY

    wait_until(healed, f"{before.name} is restarted and ready", HEAL_TIMEOUT_S)


def test_ready_means_that_every_part_answers(running: LocalStack) -> None:
    assert running.status().status is Status.READY
    probes.probe_postgres(running.status().part("postgres").url, timeout_s=5)
    TritonProbe(running.status().part("triton").url, key_of(running)).check(timeout_s=5)


@pytest.mark.parametrize("name", ["postgres", "triton"])
def test_a_killed_part_is_restarted_at_the_same_address(running: LocalStack, name: str) -> None:
    before = running.status().part(name)
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    await_restart(running, before)
    after = running.status().part(name)
    assert after.url == before.url
    assert after.pid != before.pid


def test_a_triton_whose_worker_died_is_restarted_although_it_says_ready(running: LocalStack) -> None:
    before = running.status().part("triton")
    assert before.pid is not None
    (worker,) = psutil.Process(before.pid).children()
    worker.kill()
    await_restart(running, before)
    TritonProbe(running.status().part("triton").url, key_of(running)).check(timeout_s=5)
    assert len(shared_memory.regions(running.state_directory)) == 1, "the dead worker's region is gone"


def test_committed_rows_survive_a_kill_of_postgresql(running: LocalStack) -> None:
    with psycopg.connect(running.status().part("postgres").url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    before = running.status().part("postgres")
    assert before.pid is not None
    os.kill(before.pid, signal.SIGKILL)
    await_restart(running, before)
    with psycopg.connect(running.status().part("postgres").url) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)


def test_the_doctor_finds_a_running_stack_healthy(running: LocalStack) -> None:
    found = findings(running.state_directory)
    assert set(found) == {"model files", "stack", "postgres", "triton"}
    assert all(finding.ok for finding in found.values()), found
    assert "@127.0.0.1" in found["postgres"].detail
    assert ":@" not in found["postgres"].detail


def test_files_with_passwords_are_closed_to_others(running: LocalStack) -> None:
    for name in ("state.json", "plan.json"):
        assert (running.state_directory / name).stat().st_mode & 0o077 == 0, name


def test_a_second_supervisor_is_refused(running: LocalStack) -> None:
    with pytest.raises(LocalStackError, match="already runs the stack"), StackLock(running.state_directory):
        pass


def test_up_twice_changes_nothing_and_down_leaves_nothing(tmp_path: Path) -> None:
    plan = Plan(parts=("postgres",))
    try:
        first = up(tmp_path, plan)
        assert up(tmp_path, plan) == first
    finally:
        stopped = down(tmp_path)
    assert stopped.supervisor_ran
    assert stopped.orphans == 0, "every process ended in order"
    assert remains(tmp_path) == []
    assert read_status(tmp_path).status is Status.STOPPED
    assert not down(tmp_path).supervisor_ran


def test_the_next_start_finds_its_data_at_the_same_port(tmp_path: Path) -> None:
    plan = Plan(parts=("postgres",))
    try:
        url = up(tmp_path, plan).part("postgres").url
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
        down(tmp_path)
        assert up(tmp_path, plan).part("postgres").url == url
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT value FROM kept").fetchone() == (7,)
    finally:
        down(tmp_path)


def test_nothing_outlives_a_killed_supervisor_followed_by_down(tmp_path: Path) -> None:
    try:
        pid = up(tmp_path, PLAN).supervisor_pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: StackLock(tmp_path).holder() is None, "the supervisor is gone")
        assert read_status(tmp_path).status is Status.STOPPED
    finally:
        stopped = down(tmp_path)
    assert not stopped.supervisor_ran
    assert remains(tmp_path) == []


def test_the_stack_ends_with_the_process_that_holds_it(tmp_path: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path\n"
        "from deploy.local.stack import LocalStack; from deploy.local.plan import Plan\n"
        "with LocalStack(Path(sys.argv[1]), Plan(parts=('postgres',))): time.sleep(120)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
    wait_until(lambda: read_status(tmp_path).status is Status.READY, "the stack is ready", HEAL_TIMEOUT_S)
    holder.kill()
    holder.wait()
    wait_until(lambda: remains(tmp_path) == [], "the stack followed its holder", HEAL_TIMEOUT_S)


def test_a_part_that_cannot_start_is_reported_in_its_own_words_and_nothing_remains(tmp_path: Path) -> None:
    model = tmp_path / "repository" / "broken"
    (model / "1").mkdir(parents=True)
    (model / "config.pbtxt").write_text('name: "broken"\nbackend: "python"\n')
    (model / "1" / "model.py").write_text("raise RuntimeError('weights are missing')\n")
    state_directory = tmp_path / "state"
    with pytest.raises(StartFailed, match="weights are missing") as failure:
        up(state_directory, Plan(parts=("postgres", "triton"), model_repository=str(model.parent)))
    assert "triton.log" in failure.value.remedy
    assert remains(state_directory) == []


def test_servers_of_others_are_used_and_left_running(
    tmp_path: Path, postgres_server: RunningPart, start_triton: StartTriton, tritons: Tritons
) -> None:
    url, address = postgres_server.part.url, start_triton(ROW_SUM_REPOSITORY)
    key_file = tritons[address].key_file
    plan = Plan(("postgres", "triton"), postgres_url=url, triton_url=address, triton_key_file=str(key_file))
    with LocalStack(tmp_path, plan) as stack:
        assert (stack.status().part("postgres").url, stack.status().part("triton").url) == (url, address)
        assert [part.pid for part in stack.status().parts] == [None, None]
    probes.probe_postgres(url, timeout_s=5)
    TritonProbe(address, key_file).check(timeout_s=5)


def test_the_start_can_be_followed(tmp_path: Path) -> None:
    seen: list[StackState] = []
    try:
        up(tmp_path, Plan(parts=("postgres",)), on_change=seen.append)
    finally:
        down(tmp_path)
    assert seen[-1].status is Status.READY
    assert Status.STARTING in [state.status for state in seen]
    assert all(now != later for now, later in pairwise(seen)), "only changes are told"


def test_what_an_earlier_stack_left_is_removed_before_a_new_one_starts(tmp_path: Path) -> None:
    region = shared_memory.FOLDER / f"{shared_memory.prefix(tmp_path)}left"
    region.touch()
    sleeper = process.Command(
        arguments=("/bin/sh", "-c", "exec sleep 60"), directory=tmp_path, mark=orphans.mark("triton", tmp_path)
    )
    process.detach(sleeper, log_file=tmp_path / "log")
    wait_until(lambda: any(orphans.find("triton", tmp_path)), "the orphan runs")
    try:
        up(tmp_path, Plan(parts=("postgres",)))
        assert not region.exists()
        assert list(orphans.find("triton", tmp_path)) == []
    finally:
        down(tmp_path)


def test_a_gateway_beyond_the_first_that_an_earlier_stack_left_is_removed(tmp_path: Path) -> None:
    StackState(7, [PartState("gateway-2")]).save(tmp_path / "state.json")
    sleeper = process.Command(
        arguments=("/bin/sh", "-c", "exec sleep 60"), directory=tmp_path, mark=orphans.mark("gateway-2", tmp_path)
    )
    process.detach(sleeper, log_file=tmp_path / "log")
    wait_until(lambda: any(orphans.find("gateway-2", tmp_path)), "the orphan runs")
    assert "(gateway-2)" in findings(tmp_path)["orphans"].detail
    assert down(tmp_path).orphans == 1
    assert list(orphans.find("gateway-2", tmp_path)) == []


def test_settings_that_the_gateway_could_not_use_are_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSRANK_PROCESSES", "65")
    with pytest.raises(StartFailed, match="CROSSRANK_PROCESSES='65': must be 1 to 64"):
        up(tmp_path, Plan())
    assert remains(tmp_path) == []


def test_a_stack_is_found_by_another_name_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    try:
        up(tmp_path / "link", Plan(parts=("postgres",)))
        assert read_status(tmp_path / "real").status is Status.READY
    finally:
        assert down(tmp_path / "real").supervisor_ran


def test_settings_that_a_running_stack_was_not_started_with_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CROSSRANK_READING", "never")
    monkeypatch.setenv("CROSSRANK_LISTEN", "127.0.0.1:1")  # the stack listens where its plan says
    assert ignored(tmp_path, Plan()) == [], "nothing runs"
    Plan(settings={"CROSSRANK_RANKER": "first_stage"}).save(tmp_path / "plan.json")
    monkeypatch.setattr(StackLock, "holder", lambda _: 1)  # a process does not see a lock of its own
    assert ignored(tmp_path, Plan()) == [
        "CROSSRANK_RANKER: first_stage, not the default",
        "CROSSRANK_READING: the default, not never",
    ]
