"""A part that somebody else runs: only probed. Must not start or stop anything."""

from collections.abc import Callable
from dataclasses import dataclass

from deploy.local.errors import ProbeFailed, Unready
from deploy.local.process import process
from deploy.local.process.part import LeavesNothing


@dataclass(frozen=True, slots=True)
class External(LeavesNothing):
    """A server given by its URL."""

    name: str
    url: str
    check: Callable[[float], None]
    start_timeout_s: float = 15.0

    def command(self) -> process.Command | None:
        """Nothing to run."""
        return None

    def probe(self, timeout_s: float) -> None:
        """Asks the server. It is not ours to restart, so it is never more than unready."""
        try:
            self.check(timeout_s)
        except ProbeFailed as failure:
            raise Unready(failure.message, remedy=failure.remedy) from failure
