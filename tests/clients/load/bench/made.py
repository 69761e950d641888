"""Readings, mixes and systems made by hand."""

from collections.abc import Callable, Sequence
from pathlib import Path

from clients.load.bench.rounds import Record, Turn
from clients.load.bench.workload.job_texts import Mix
from clients.load.bench.workload.readings import Cost, Load, Reading
from clients.load.bench.workload.system import Findings, Visit

WORDS = tuple(f"w{number}" for number in range(60))
MIX = Mix("mixed", tuple(f"item {number}" for number in range(200)), (WORDS,), (3, 6), " ")


def visits(count: int) -> list[Visit]:
    """Rounds of nothing but a number."""
    return [Visit(number, [MIX], 1.0, number, Path("work")) for number in range(count)]


def made(system: str, rate: float, kind: str = "closed", variant: str = "", hit_share: float = 0.0) -> Reading:
    """A reading with 4 callers and 100 candidates, latencies of 10, 20 and 30 ms, 2 s of processor a 1,000 pairs."""
    return Reading(
        system=system,
        load=Load("mixed", kind, 4, 100, rate=1.5 if kind == "open" else None),
        pairs_per_s=rate,
        latencies_ms=(10.0, 20.0, 30.0),
        hit_share=hit_share,
        cost=Cost(2.0, 100.0, 1000),
        variant=variant,
    )


def record_of(*rounds: Sequence[Reading]) -> Record:
    """A record with these readings, round by round."""
    record = Record()
    for number, readings in enumerate(rounds):
        record.turns += [Turn(number, place, one) for place, one in enumerate(readings)]
    return record


class Spoken:
    """A system that writes down its visits, and fails when told to."""

    def __init__(self, name: str, story: list[str], failure: Callable[[Visit], None] = lambda visit: None) -> None:
        self.name = name
        self._story = story
        self._failure = failure

    def visit(self, visit: Visit) -> Findings:
        self._story.append(f"{visit.number} {self.name}")
        self._failure(visit)
        return Findings([made(self.name, 10.0 + visit.number)], [[0.5]] if visit.proof else [])

    def close(self) -> None:
        self._story.append(f"close {self.name}")
