"""One watched part: what makes it restart, what does not, and when it is given up. The part is a shell script."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deploy.local.errors import Broken, ProbeFailed, Silent, StartFailed, Unready
from deploy.local.process import orphans, process
from deploy.local.process.part import RunningPart
from deploy.local.process.restarts import RestartBudget
from deploy.local.process.state import PartState, Status
from deploy.local.process.watcher import Watcher
from tests.deploy.local.waiting import wait_until


@dataclass
class Script:
    """A part that runs a shell script and answers what `answer` says."""

    state_directory: Path
    script: str = "exec sleep 60"
    name: str = "script"
    url: str = "nowhere"
    start_timeout_s: float = 10.0
    answer: Callable[[], None] = field(default=lambda: None)

    def prepare(self, log_file: Path) -> None:
        if self.script == "":
            raise StartFailed("nothing to run", remedy="write a script")

    def command(self) -> process.Command:
        return process.Command(
            arguments=("/bin/sh", "-c", self.script),
            directory=self.state_directory,
            mark=orphans.mark(self.name, self.state_directory),
        )

    def probe(self, timeout_s: float) -> None:
        self.answer()

    def clean_up(self) -> None:
        pass


Watch = Callable[[Script], Watcher]


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    watchers: list[Watcher] = []

    def start(part: Script) -> Watcher:
        running = RunningPart(part, state_directory=tmp_path)
        watchers.append(Watcher(running, needs=[], report=lambda state: None))
        watchers[-1].start()
        return watchers[-1]

    yield start
    for watcher in watchers:
        watcher.request_stop()
        watcher.join()
        assert watcher.state.status is Status.STOPPED
    assert list(orphans.find("script", tmp_path)) == []


def fail_once(failure: ProbeFailed) -> Callable[[], None]:
    """Right answers, but for one failure as the third answer."""
    answers: list[ProbeFailed | None] = [None, None, failure]

    def answer() -> None:
        given = answers.pop(0) if answers else None
        if given:
            raise given

    return answer


def test_a_part_that_ends_is_started_again(tmp_path: Path, watch: Watch) -> None:
    pids = tmp_path / "pids"
    watcher = watch(Script(tmp_path, script=f"echo $$ >> {pids}; sleep 0.3; exit 5"))
    wait_until(lambda: pids.exists() and len(set(pids.read_text().split())) >= 3, "three processes ran")
    assert watcher.state.restarts >= 2


def test_the_reason_of_a_restart_is_told(tmp_path: Path, watch: Watch) -> None:
    seen: list[str] = []
    part = Script(tmp_path, script="sleep 0.3; exit 5")
    watcher = watch(part)

    def told() -> bool:
        seen.append(watcher.state.detail)
        return any("ended with exit code 5" in detail for detail in seen)

    wait_until(told, "the exit code is told")


def test_a_broken_part_is_restarted_at_its_first_bad_answer(tmp_path: Path, watch: Watch) -> None:
    watcher = watch(Script(tmp_path, answer=fail_once(Broken("worker is dead"))))
    wait_until(lambda: watcher.state.restarts == 1 and watcher.state.status is Status.READY, "it is healed")


def test_one_bad_answer_is_forgiven(tmp_path: Path, watch: Watch) -> None:
    answer, calls = fail_once(ProbeFailed("no answer")), [0]

    def counted() -> None:
        calls[0] += 1
        answer()

    watcher = watch(Script(tmp_path, answer=counted))
    wait_until(lambda: calls[0] >= 5, "it answers again after one failure")
    assert watcher.state.restarts == 0


def fails_from_second_to_fifth(failure: ProbeFailed, calls: list[int]) -> Callable[[], None]:
    """A right answer, four failures, then right answers; counts the questions."""

    def answer() -> None:
        calls[0] += 1
        if 2 <= calls[0] <= 5:
            raise failure

    return answer


def test_silence_is_borne_longer_than_a_refusal(tmp_path: Path, watch: Watch) -> None:
    refused, silent = [0], [0]
    first = watch(Script(tmp_path, name="refused", answer=fails_from_second_to_fifth(ProbeFailed("refused"), refused)))
    second = watch(Script(tmp_path, name="silent", answer=fails_from_second_to_fifth(Silent("too late"), silent)))
    wait_until(lambda: refused[0] > 6 and silent[0] > 6, "both answer again")
    assert first.state.restarts == 1
    assert second.state.restarts == 0


def test_an_unready_part_is_told_but_never_restarted(tmp_path: Path, watch: Watch) -> None:
    calls = [0]

    def overloaded() -> None:
        calls[0] += 1
        if calls[0] > 1:
            raise Unready("too much to do")

    watcher = watch(Script(tmp_path, answer=overloaded))
    wait_until(lambda: calls[0] >= 5, "it was asked several times")
    assert watcher.state.restarts == 0
    assert (watcher.state.status, watcher.state.detail) == (Status.UNREADY, "too much to do")


def test_a_part_that_never_worked_is_given_up_at_once(tmp_path: Path, watch: Watch) -> None:
    watcher = watch(Script(tmp_path, script=""))
    wait_until(lambda: watcher.state.status is Status.FAILED, "it is given up")
    assert (watcher.state.detail, watcher.state.remedy) == ("nothing to run", "write a script")
    assert watcher.state.restarts == 0


def test_a_part_without_an_answer_in_time_is_given_up(tmp_path: Path, watch: Watch) -> None:
    def silent() -> None:
        raise ProbeFailed("no answer yet")

    watcher = watch(Script(tmp_path, script="echo ERROR: no disk; exec sleep 60", start_timeout_s=0.2, answer=silent))
    wait_until(lambda: watcher.state.status is Status.FAILED, "it is given up")
    assert "no answer yet" in watcher.state.detail
    assert "ERROR: no disk" in watcher.state.detail


def test_a_part_starts_only_after_those_it_needs(tmp_path: Path) -> None:
    first = Watcher(RunningPart(Script(tmp_path), state_directory=tmp_path), needs=[], report=lambda state: None)
    reports: list[PartState] = []
    second = Watcher(
        RunningPart(Script(tmp_path, name="second"), state_directory=tmp_path), needs=[first], report=reports.append
    )
    second.start()
    try:
        assert not second.first_answer.wait(0.5)
        first.start()
        assert second.first_answer.wait(10)
        assert first.first_answer.is_set()
    finally:
        for watcher in (second, first):
            watcher.request_stop()
            watcher.join()


def test_restarts_are_counted_within_a_window_and_then_refused() -> None:
    now = 1000.0
    budget = RestartBudget(clock=lambda: now)
    delays = [budget.next_delay_s() for _ in range(8)]
    assert delays[0] == 0
    assert delays == sorted(delays, key=lambda delay: delay or 0)
    assert budget.next_delay_s() is None
    now += 121.0
    assert budget.next_delay_s() == 0
