"""The process that keeps a stack running: `python -m deploy.local.supervisor STATE_DIRECTORY [OWNER_PROCESS_ID]`. With
an owner, it stops when that process ends. Must not talk to the user: it writes state.json and logs, nothing else."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Lock

import psutil

from deploy.local.plan import Plan, build_parts
from deploy.local.process.lock import StackLock
from deploy.local.process.part import RunningPart
from deploy.local.process.state import PartState, StackState
from deploy.local.process.watcher import Watcher

_LIVENESS_CHECK_S = 0.5
_log = logging.getLogger("supervisor")


class Supervisor:
    """One watcher per part: those that others need run first and end last."""

    def __init__(self, plan: Plan, state_directory: Path, owner: psutil.Process | None = None) -> None:
        self._owner = owner
        self._file = state_directory / "state.json"
        self._saving = Lock()
        self._stop = Event()
        self._watchers: list[Watcher] = []
        for part in build_parts(plan, state_directory):
            needs = [one for one in self._watchers if not one.needs] if part.name in plan.gateway_names else []
            running = RunningPart(part, state_directory=state_directory)
            self._watchers.append(Watcher(running, needs=needs, report=self._report))

    def run(self) -> None:
        """Returns when everything is stopped. Raises RuntimeError when a watcher died: then nothing is watched."""
        self._save()
        for watcher in self._watchers:
            watcher.start()
        while not self._stop.wait(_LIVENESS_CHECK_S) and self._has_purpose():
            pass
        dead = [watcher.name for watcher in self._watchers if not watcher.is_alive()]
        self._end([watcher for watcher in self._watchers if watcher.needs])
        self._end([watcher for watcher in self._watchers if not watcher.needs])
        if dead:
            raise RuntimeError(f"threads ended unexpectedly: {', '.join(dead)}")

    def _has_purpose(self) -> bool:
        owned = self._owner is None or self._owner.is_running()
        return owned and all(watcher.is_alive() for watcher in self._watchers)

    @staticmethod
    def _end(watchers: Sequence[Watcher]) -> None:
        for watcher in watchers:
            watcher.request_stop()
        for watcher in watchers:
            watcher.join()

    def stop(self, *_: object) -> None:
        """Asks `run` to end; a signal handler."""
        self._stop.set()

    def _report(self, part: PartState) -> None:
        _log.info("%s: %s, process %s, restarts %d %s", part.name, part.status, part.pid, part.restarts, part.detail)
        self._save()

    def _save(self) -> None:
        with self._saving:
            StackState(os.getpid(), [watcher.state for watcher in self._watchers]).save(self._file)


def main(arguments: Sequence[str]) -> None:
    """Runs the plan of a state directory until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    state_directory = Path(arguments[0])
    with StackLock(state_directory):
        owner = psutil.Process(int(arguments[1])) if len(arguments) > 1 else None
        supervisor = Supervisor(Plan.load(state_directory / "plan.json"), state_directory, owner)
        signal.signal(signal.SIGTERM, supervisor.stop)
        signal.signal(signal.SIGINT, supervisor.stop)
        supervisor.run()


if __name__ == "__main__":
    main(sys.argv[1:])
