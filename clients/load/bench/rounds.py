"""Rounds in which every system gets its turn, each round in another order, so that what changes on the machine meets
them all. Must not know what a system is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from clients.load.bench.workload.readings import Reading
from clients.load.bench.workload.system import Findings, System, SystemAbsent, Visit
from deploy.local.errors import LocalStackError
from gateway.domain.progress import Say


@dataclass(frozen=True, slots=True)
class Turn:
    """What one system showed in one round."""

    round: int
    place: int
    reading: Reading


@dataclass(slots=True)
class Record:
    """All rounds: raw readings, scores of the proof by system, timers of an event loop by round, and why a system is
    absent."""

    turns: list[Turn] = field(default_factory=list)
    scores: dict[str, list[list[float]]] = field(default_factory=dict)
    timers: list[Mapping[float, int]] = field(default_factory=list)
    absent: dict[str, str] = field(default_factory=dict)

    def readings(self, system: str) -> list[Reading]:
        """Of one system, in order of rounds."""
        return [turn.reading for turn in self.turns if turn.reading.system == system]


def order(names: Sequence[str], number: int) -> list[str]:
    """The names, begun one further in every round."""
    start = number % len(names)
    return [*names[start:], *names[:start]]


def run_rounds(systems: Sequence[System], visits: Sequence[Visit], told: Say) -> Record:
    """Every system in every round; ``told`` gets the name of each before its turn.

    Only the first visit has a proof, so that a score is computed once. A system that fails is absent from then on, and
    its reason is kept; the others go on.
    """
    record, by_name = Record(), {system.name: system for system in systems}
    try:
        for visit in visits:
            for place, name in enumerate(order(list(by_name), visit.number)):
                if name in record.absent:
                    continue
                told(name)
                findings = _visited(by_name[name], visit, record)
                record.turns += [Turn(visit.number, place, one) for one in findings.readings]
                if findings.timers:
                    record.timers.append(findings.timers)
                if findings.scores:
                    record.scores[name] = findings.scores
    finally:
        for system in systems:
            system.close()
    return record


def _visited(system: System, visit: Visit, record: Record) -> Findings:
    try:
        return system.visit(visit if visit.number == 0 else replace(visit, proof=()))
    except SystemAbsent as fault:
        record.absent[system.name] = str(fault)
    except LocalStackError as fault:
        record.absent[system.name] = f"failed in round {visit.number + 1}: {fault.message}"
    return Findings()
