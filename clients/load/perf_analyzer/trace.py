"""When perf_analyzer really sent each request: its draw of random moments is the same in every run and can be a fifth
off the rate asked for, and its windows are longer than asked for. Must not run anything."""

import json
from dataclasses import dataclass
from pathlib import Path

from deploy.local.errors import StartFailed

_NS = 1e9


@dataclass(frozen=True, slots=True)
class Trace:
    """The moments of all requests that were counted, in seconds from the first window on, and the length of all
    windows."""

    sent_s: list[float]
    seconds: float

    @property
    def sent_per_s(self) -> float:
        """The load that was really offered."""
        return len(self.sent_s) / self.seconds


def read_trace(file: Path) -> Trace:
    """Of a run with one level. Raises StartFailed when the file has none."""
    try:
        (experiment,) = json.loads(file.read_text(encoding="utf-8"))["experiments"]
        first, *_, last = experiment["window_boundaries"]
        sent_s = sorted((request["timestamp"] - first) / _NS for request in experiment["requests"])
        trace = Trace([round(max(0.0, moment), 6) for moment in sent_s], (last - first) / _NS)
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise StartFailed(f"{file} is no profile of one level: {fault!r}", remedy="read perf_analyzer.log") from fault
    if not trace.sent_s or trace.seconds <= 0:
        raise StartFailed(f"{file} holds no request", remedy="give more time: a longer --window-ms")
    return trace
