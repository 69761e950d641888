"""One running part: start, wait, stop, whatever happens in between."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.local.errors import ProbeFailed, StartFailed
from deploy.local.process import orphans, process
from deploy.local.process.part import RunningPart
from tests.deploy.local.waiting import wait_until


@dataclass
class Script:
    """A part that runs a shell script and becomes ready at its `ready_at`th probe."""

    state_directory: Path
    script: str = "exec sleep 60"
    ready_at: int = 1
    name: str = "script"
    url: str = "nowhere"
    start_timeout_s: float = 10.0
    calls: list[str] = field(default_factory=list)

    def prepare(self, log_file: Path) -> None:
        self.calls.append("prepare")

    def command(self) -> process.Command | None:
        return process.Command(
            arguments=("/bin/sh", "-c", self.script),
            directory=self.state_directory,
            mark=orphans.mark(self.name, self.state_directory),
        )

    def probe(self, timeout_s: float) -> None:
        self.calls.append("probe")
        if self.calls.count("probe") < self.ready_at:
            raise ProbeFailed("not yet")

    def clean_up(self) -> None:
        self.calls.append("clean up")


def living(part: Script) -> int:
    return len(list(orphans.find(part.name, part.state_directory)))


def test_a_part_is_yielded_ready_and_ends_with_the_block(tmp_path: Path) -> None:
    part = Script(tmp_path, ready_at=3)
    with RunningPart(part, state_directory=tmp_path) as running:
        assert running.exit_code() is None
        assert part.calls == ["clean up", "prepare", "probe", "probe", "probe"]
    assert living(part) == 0
    assert part.calls[-1] == "clean up"


def test_a_part_that_ends_before_it_is_ready_is_reported_with_its_log(tmp_path: Path) -> None:
    part = Script(tmp_path, script="echo FATAL: no room; exit 4", ready_at=1000)
    with (
        pytest.raises(
            StartFailed, match="script: ended with exit code 4 before it was ready\nFATAL: no room"
        ) as failure,
        RunningPart(part, state_directory=tmp_path),
    ):
        pass
    assert failure.value.remedy == f"read {tmp_path / 'logs' / 'script.log'}"


def test_a_part_that_is_not_ready_in_time_is_stopped(tmp_path: Path) -> None:
    part = Script(tmp_path, ready_at=1000, start_timeout_s=0.3)
    with pytest.raises(StartFailed, match="not yet"), RunningPart(part, state_directory=tmp_path):
        pass
    assert living(part) == 0


def test_an_interrupt_during_the_start_leaves_nothing_behind(tmp_path: Path) -> None:
    class Interrupted(Script):
        def probe(self, timeout_s: float) -> None:
            raise KeyboardInterrupt

    part = Interrupted(tmp_path)
    with pytest.raises(KeyboardInterrupt), RunningPart(part, state_directory=tmp_path):
        pass
    assert living(part) == 0


def test_what_an_earlier_run_left_is_ended_before_the_start(tmp_path: Path) -> None:
    part = Script(tmp_path)
    command = part.command()
    assert command is not None
    process.detach(command, log_file=tmp_path / "log")
    wait_until(lambda: living(part) == 1, "the earlier one runs")
    (earlier,) = orphans.find(part.name, tmp_path)
    with RunningPart(part, state_directory=tmp_path) as running:
        assert running.pid != earlier.pid
        assert not orphans.is_alive(earlier)


def test_an_external_part_has_no_process(tmp_path: Path) -> None:
    class External(Script):
        def command(self) -> None:
            return None

    with RunningPart(External(tmp_path), state_directory=tmp_path) as running:
        assert running.pid is None
        assert running.exit_code() is None


def test_an_external_part_that_is_not_there_is_reported_without_a_log(tmp_path: Path) -> None:
    class External(Script):
        def command(self) -> None:
            return None

    part = External(tmp_path, ready_at=1000, start_timeout_s=0.1, url="db:5432")
    with (
        pytest.raises(StartFailed, match=r"script: not yet$") as failure,
        RunningPart(part, state_directory=tmp_path),
    ):
        pass
    assert failure.value.remedy == "check that db:5432 can be reached"


@pytest.mark.parametrize("fault", [PermissionError(13, "Permission denied"), OSError(28, "No space left on device")])
def test_a_fault_of_the_machine_is_a_failed_start(tmp_path: Path, fault: OSError) -> None:
    class Unlucky(Script):
        def prepare(self, log_file: Path) -> None:
            raise fault

    with pytest.raises(StartFailed, match=str(fault.strerror)) as failure:
        RunningPart(Unlucky(tmp_path), state_directory=tmp_path).start()
    assert "space and permissions" in failure.value.remedy


def test_stopping_twice_is_harmless(tmp_path: Path) -> None:
    running = RunningPart(Script(tmp_path), state_directory=tmp_path)
    running.start()
    running.stop()
    running.stop()
    assert running.pid is None
