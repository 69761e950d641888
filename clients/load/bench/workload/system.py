"""What a system of the benchmark is, and what one visit asks of it. Must not know any system."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from clients.load.bench.workload.job_texts import Job, Mix
from clients.load.bench.workload.readings import Reading

CALLERS, CANDIDATES = 4, 100
"""Of the load that compares systems; an engine in process has one caller, which uses all cores."""
ALONE, ALONE_SHARE = "alone", 0.5
"""The load of one caller on a server, and how much of a visit's seconds it takes."""


class SystemAbsent(Exception):
    """A system that cannot be measured here; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One system's turn in one round: ``seconds`` of load per mix. ``proof``: jobs whose scores are compared with the
    served graph's, if any."""

    number: int
    mixes: Sequence[Mix]
    seconds: float
    seed: int
    folder: Path
    proof: Sequence[Job] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """Of a visit: readings, the scores of each job of the proof, item by item, and where it has an event loop, how many
    of its timers were late by at most so many seconds."""

    readings: list[Reading] = field(default_factory=list)
    scores: list[list[float]] = field(default_factory=list)
    timers: Mapping[float, int] = field(default_factory=dict)


class System(Protocol):
    """Something that ranks."""

    name: str
    """As in the summary."""

    def visit(self, visit: Visit) -> Findings:
        """Measures it while nothing else of the benchmark runs. Raises SystemAbsent or LocalStackError."""

    def close(self) -> None:
        """Ends what is kept between visits, if anything is. Harmless twice."""
        return
