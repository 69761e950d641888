"""Keeps one part running: start, probe, restart when it ended or stopped answering. Must not know the other parts,
beyond waiting for them."""

import time
from collections.abc import Callable, Sequence
from threading import Event, Thread

from deploy.local.errors import Broken, LocalStackError, ProbeFailed, Silent, Unready
from deploy.local.process.part import RunningPart
from deploy.local.process.restarts import RestartBudget
from deploy.local.process.state import PartState, Status

_POLL_S = 0.1
_PROBE_INTERVAL_S = 1.0
_PROBE_TIMEOUT_S = 2.0
# How many failures in a row are the end: a refusal is clear at the second, silence may be a busy machine.
_PATIENCE = {Broken: 1, Silent: 5}
_USUAL_PATIENCE = 2
_STOP_GRACE_S = 15.0


class Watcher(Thread):
    """One thread per part. It starts the process itself: the kernel ends a child with the thread that started it."""

    def __init__(
        self, running: RunningPart, *, needs: "Sequence[Watcher]", report: Callable[[PartState], None]
    ) -> None:
        super().__init__(name=f"watch {running.part.name}")
        self.state = PartState(running.part.name, log=str(running.log.file))
        self._running = running
        self.needs = needs
        self._report = report
        self._budget = RestartBudget()
        self._stop_requested = Event()
        self.first_answer = Event()

    def request_stop(self) -> None:
        """Ends the part and then this thread."""
        self._stop_requested.set()

    def run(self) -> None:
        """Until a stop is requested; a bug that ends the thread leaves nothing running either."""
        try:
            while not self._stop_requested.is_set():
                failure = self._run_once()
                if failure:
                    self._recover(failure)
        finally:
            self._running.stop(grace_s=_STOP_GRACE_S)
            self._tell(Status.STOPPED)

    def _run_once(self) -> LocalStackError | None:
        """Starts the part and watches it. Returns why it is not alive any more, None when a stop was requested."""
        try:
            if not self._await_needs():
                return None
            self._running.start()
            self._tell(self.state.status)
            if not self._running.wait_until_ready(self._stop_requested):
                return None
            self.first_answer.set()
            self._tell(Status.READY)
            return self._watch()
        except LocalStackError as failure:
            return failure

    def _await_needs(self) -> bool:
        while not all(other.first_answer.is_set() for other in self.needs):
            if self._stop_requested.wait(_POLL_S):
                return False
        return True

    def _watch(self) -> LocalStackError | None:
        failures, next_probe = 0, time.monotonic() + _PROBE_INTERVAL_S
        while not self._stop_requested.wait(_POLL_S):
            self._running.raise_if_ended()
            if time.monotonic() < next_probe:
                continue
            failure = self._probe()
            failures = failures + 1 if failure else 0
            if failure and failures >= _PATIENCE.get(type(failure), _USUAL_PATIENCE):
                return failure
            next_probe = time.monotonic() + _PROBE_INTERVAL_S
        return None

    def _probe(self) -> ProbeFailed | None:
        """The failure when the part seems dead; an unready one is only reported."""
        try:
            self._running.part.probe(_PROBE_TIMEOUT_S)
        except Unready as failure:
            self._tell(Status.UNREADY, failure)
            return None
        except ProbeFailed as failure:
            self._tell(Status.UNREADY, failure)
            return failure
        self._tell(Status.READY)
        return None

    def _recover(self, failure: LocalStackError) -> None:
        """Removes the remains and waits as long as the budget says; for ever when there is none left."""
        self._running.stop(grace_s=0)
        delay_s = self._budget.next_delay_s()
        # What never worked will not work the next time either: only a part that gave an answer is started again.
        if delay_s is None or not self.first_answer.is_set():
            self._tell(Status.FAILED, failure)
            self._stop_requested.wait()
        else:
            self.state.restarts += 1
            self._tell(Status.RESTARTING, failure)
            self._stop_requested.wait(delay_s)

    def _tell(self, status: Status, failure: LocalStackError | None = None) -> None:
        state = self.state
        before = (state.status, state.detail, state.pid)
        state.status, state.pid = status, self._running.pid
        state.detail, state.remedy = (failure.message, failure.remedy) if failure else ("", "")
        if before != (state.status, state.detail, state.pid):
            state.url = self._running.part.url
            self._report(state)
