"""The doctor names what is missing, with a remedy, on machines that this one plays."""

import shutil
import socket
from collections.abc import Iterator
from importlib import metadata, util
from pathlib import Path
from typing import Any

import pytest

from deploy.local.doctor import machine_checks
from deploy.local.doctor.doctor import examine, is_healthy
from deploy.local.doctor.finding import Finding, Severity, bad, good
from deploy.local.doctor.stack_checks import check_stack
from deploy.local.parts import shared_library, shared_memory, triton_binary
from deploy.local.parts.ports import LOOPBACK
from deploy.local.parts.triton import PROJECT_REPOSITORY
from deploy.local.plan import PARTS, Plan
from deploy.local.process import orphans, process
from deploy.local.process.state import PartState, StackState, Status
from tests.deploy.local.waiting import wait_until


def by_name(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def machine(directory: Path) -> dict[str, Finding]:
    return by_name(list(machine_checks.check_machine(directory)))


def test_this_machine_can_run_the_stack(tmp_path: Path) -> None:
    errors = [one for one in examine(tmp_path) if not one.ok and one.severity is Severity.ERROR]
    assert errors == []


def test_the_doctor_changes_nothing(tmp_path: Path) -> None:
    examine(tmp_path / "state")
    assert list(tmp_path.iterdir()) == []


def test_every_finding_that_is_not_ok_has_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    findings = examine(tmp_path)
    assert [one.name for one in findings if not one.ok and not one.remedy] == []


def test_numpy_2_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"numpy": "2.4.6"}
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: versions.get(name) or real(name))
    found = machine(tmp_path)["numpy"]
    assert not found.ok
    assert "empties every output" in found.detail
    assert found.remedy == "pip install numpy==1.26.4"


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    found = machine(tmp_path)
    assert all(not found[name].ok for name in ("onnxruntime", "psycopg", "tritonclient", "numpy"))
    assert "crossrank[local]" in found["onnxruntime"].remedy


def test_missing_servers_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.parts.postgres.find_spec", lambda name: None)
    monkeypatch.setattr("deploy.local.parts.triton_binary.find_spec", lambda name: None)
    found = machine(tmp_path)
    assert (found["postgresql"].ok, found["triton"].ok) == (False, False)
    assert found["triton"].detail == "Triton is not installed"


def test_a_missing_libpython_is_named_with_the_package_that_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_library, "find", lambda soname, folders=(): None)
    found = machine(tmp_path)["libpython"]
    assert not found.ok
    assert triton_binary.LIBPYTHON in found.detail
    assert found.remedy.startswith("apt-get install libpython3.")


class Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_a_full_disk_and_a_small_shared_memory_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free = {tmp_path: 10 * 2**30, shared_memory.FOLDER: 64 * 2**20}
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(free[place]))
    found = machine(tmp_path)
    assert found["disk"].ok
    assert found["shared memory"].detail == "64 MiB free in /dev/shm, 128 MiB needed"
    assert "shm-size" in found["shared memory"].remedy
    free[tmp_path] = 2**30
    assert not machine(tmp_path)["disk"].ok


def test_the_disk_is_that_of_the_folder_to_come(tmp_path: Path) -> None:
    found = machine(tmp_path / "not" / "yet" / "there")["disk"]
    assert found.detail.endswith(f"free in {tmp_path}")


@pytest.mark.parametrize(
    ("flags", "ok"), [("fpu avx512_vnni", True), ("fpu avx_vnni", True), ("fpu avx2", False), ("", False)]
)
def test_a_processor_without_vnni_is_worth_a_note_and_no_error(tmp_path: Path, flags: str, ok: bool) -> None:
    source = tmp_path / "cpuinfo"
    source.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    found = machine_checks._processor(source)
    assert found.ok is ok
    assert is_healthy([found])


def test_little_memory_is_a_warning(tmp_path: Path) -> None:
    source = tmp_path / "meminfo"
    source.write_text("MemTotal: 1000000 kB\nMemAvailable: 500000 kB\n")
    found = machine_checks._memory(source)
    assert (found.ok, found.severity) == (False, Severity.WARNING)
    source.write_text("MemTotal: 9000000 kB\nMemAvailable: 8000000 kB\n")
    assert machine_checks._memory(source).ok


def stopped_stack(directory: Path) -> dict[str, Finding]:
    return by_name(list(check_stack(directory)))


def test_a_taken_port_is_a_warning_that_names_who_wants_it(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        taken = listener.getsockname()[1]
        Plan(ports={"gateway": taken}).save(tmp_path / "plan.json")
        found = stopped_stack(tmp_path)[f"port {taken}"]
    assert (found.ok, found.severity, found.detail) == (False, Severity.WARNING, "wanted for gateway, but taken")
    assert str(taken) in found.remedy


def test_a_stack_that_does_not_run_is_no_error(tmp_path: Path) -> None:
    found = stopped_stack(tmp_path)
    assert found["stack"].severity is Severity.INFO
    assert found["orphans"].ok
    assert found["stale shared memory"].ok


@pytest.fixture
def orphan(tmp_path: Path) -> Iterator[Path]:
    command = process.Command(
        arguments=("/bin/sh", "-c", "exec sleep 60"), directory=tmp_path, mark=orphans.mark("triton", tmp_path)
    )
    process.detach(command, log_file=tmp_path / "log")
    wait_until(lambda: any(orphans.find("triton", tmp_path)), "the orphan runs")
    yield tmp_path
    orphans.end("triton", tmp_path)


@pytest.mark.whole
def test_orphans_of_an_earlier_stack_are_found(orphan: Path) -> None:
    found = stopped_stack(orphan)["orphans"]
    assert not found.ok
    assert "(triton)" in found.detail
    assert found.remedy == "crossrank down"


def test_stale_shared_memory_is_found_and_only_that_of_this_stack(tmp_path: Path) -> None:
    ours = shared_memory.FOLDER / f"{shared_memory.prefix(tmp_path)}test"
    theirs = shared_memory.FOLDER / f"{shared_memory.prefix(tmp_path / 'other')}test"
    try:
        theirs.touch()
        assert stopped_stack(tmp_path)["stale shared memory"].ok
        ours.touch()
        found = stopped_stack(tmp_path)["stale shared memory"]
        assert (found.ok, found.severity) == (False, Severity.WARNING)
        assert shared_memory.remove_regions(tmp_path) == 1
        assert theirs.exists()
    finally:
        ours.unlink(missing_ok=True)
        theirs.unlink(missing_ok=True)


def test_files_of_models_are_looked_at_from_outside(tmp_path: Path) -> None:
    assert stopped_stack(tmp_path)["model files"].ok, "those that ship"
    repository = Path(shutil.copytree(PROJECT_REPOSITORY, tmp_path / "models"))
    Plan(model_repository=str(repository)).with_ports({}).save(tmp_path / "plan.json")
    with (repository / "bi_encoder" / "1" / "manifest.py").open("a", encoding="utf-8") as code:
        code.write("def check_files(*_: object) -> None: ...")
    found = stopped_stack(tmp_path)["model files"]
    assert "bi_encoder/1: manifest.py: bytes" in found.detail
    assert found.remedy == "copy or export the version again"
    (repository / "bi_encoder" / "1" / "files.json").unlink()
    assert "files.json cannot be read" in stopped_stack(tmp_path)["model files"].detail


@pytest.fixture
def claims_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory whose supervisor seems alive, with parts that are not."""
    monkeypatch.setattr("deploy.local.process.lock.StackLock.holder", lambda self: 7)
    parts = [PartState(name, url=f"{LOOPBACK}:1", status=Status.READY) for name in PARTS[1:]]
    failed = PartState("postgres", status=Status.FAILED, detail="no disk", remedy="free some")
    StackState(7, [failed, *parts]).save(tmp_path / "state.json")
    Plan().with_ports({}).save(tmp_path / "plan.json")
    return tmp_path


def test_parts_that_do_not_answer_are_errors_whatever_the_state_says(claims_to_run: Path) -> None:
    found = stopped_stack(claims_to_run)
    assert (found["postgres"].detail, found["postgres"].remedy) == ("no disk", "free some")
    assert "does not answer" in found["triton"].detail
    assert found["gateway"].remedy == "crossrank logs gateway"
    assert not is_healthy(list(found.values()))


def test_a_dead_worker_is_told_as_what_it_is(claims_to_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deploy.local.errors import Broken
    from deploy.local.parts.triton_probe import TritonProbe

    def dead(self: Any, timeout_s: float) -> None:
        raise Broken("Stub process is not healthy")

    monkeypatch.setattr(TritonProbe, "check", dead)
    assert "a worker is dead while Triton reports READY" in stopped_stack(claims_to_run)["triton"].detail


def test_only_errors_make_a_machine_unhealthy() -> None:
    fine = [good("a", ""), bad("b", "", "", Severity.WARNING), bad("c", "", "", Severity.INFO)]
    assert is_healthy(fine)
    assert not is_healthy([*fine, bad("d", "", "")])
