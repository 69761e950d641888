"""A sweep of request rates as data, and as the JSON file that crossrank capacity reads. Must not measure or draw."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from clients.load.perf_analyzer.report import Measurement
from deploy.local.errors import LocalStackError
from gateway.domain.files import replace_json

FORMAT = 2
TRITON, GATEWAY = "triton", "gateway"
"""The targets there are."""

SUSTAINED = 0.95
"""Share of the offered rate that a run must answer; below it a queue grows for as long as the load lasts."""


class SweepUnreadable(LocalStackError):
    """A file that is no sweep."""


@dataclass(frozen=True, slots=True)
class Run:
    """One measurement: `offered_per_s` requests a second were really sent, for `seconds`."""

    offered_per_s: float
    seconds: float
    measured: Measurement

    @property
    def answers(self) -> int:
        """The p99 of fewer than 100 is the slowest of them."""
        return round(self.measured.requests_per_s * self.seconds)


@dataclass(frozen=True, slots=True)
class Level:
    """One rate, asked for in several runs. With `failure` the load generator gave up at the first refusal: `failure`
    has its words, `answers` the number of answers by status, where the service counts them."""

    rate: float
    runs: Sequence[Run] = field(default_factory=list)
    failure: str = ""
    answers: Mapping[str, int] = field(default_factory=dict)

    @property
    def offered_per_s(self) -> float:
        """Median of its runs; the rate asked for where there is none."""
        return median(run.offered_per_s for run in self.runs) if self.runs else self.rate

    @property
    def sustained(self) -> bool:
        """Nothing was refused, and every run answered as much as it was offered."""
        kept = (run.measured.requests_per_s >= SUSTAINED * run.offered_per_s for run in self.runs)
        return bool(self.runs) and not self.failure and all(kept)

    def spread(self, name: str) -> tuple[float, float, float]:
        """Lowest, median and highest value of a Measurement's number in the runs."""
        values = [float(getattr(run.measured, name)) for run in self.runs]
        return min(values), median(values), max(values)


@dataclass(frozen=True, slots=True)
class TargetSweep:
    """All levels of one target, by rate. `alone` and `full` are closed loops: one request at a time, and `callers` at a
    time. `cache_hit_share`: of the pairs of all its requests; None where the target has no cache."""

    target: str
    pairs_per_request: int
    callers: int
    alone: Measurement
    full: Measurement
    levels: Sequence[Level]
    cache_hit_share: float | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """A sweep of several targets on one machine."""

    machine: Mapping[str, Any]
    targets: Sequence[TargetSweep]

    def document(self) -> dict[str, Any]:
        """Plain data."""
        return {"format": FORMAT, **asdict(self)}


def write_sweep(file: Path, sweep: Sweep) -> None:
    """Whole, or the old file stays."""
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_json(file, sweep.document(), allow_nan=False)


def read_sweep(file: Path) -> Sweep:
    """A sweep written by `write_sweep`. Raises SweepUnreadable."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise SweepUnreadable(f"{file} has format {data['format']}, not {FORMAT}", remedy="crossrank sweep")
        return Sweep(data["machine"], [_target(one) for one in data["targets"]])
    except OSError as fault:
        raise SweepUnreadable(
            f"{file} cannot be read: {fault.strerror}", remedy="crossrank sweep writes one"
        ) from fault
    except (ValueError, KeyError, TypeError) as fault:
        raise SweepUnreadable(f"{file} is no sweep: {fault!r}", remedy="crossrank sweep writes one") from fault


def _target(data: Mapping[str, Any]) -> TargetSweep:
    levels = [Level(**{**one, "runs": [_run(run) for run in one["runs"]]}) for one in data["levels"]]
    loops = {name: Measurement(**data[name]) for name in ("alone", "full")}
    return TargetSweep(**{**data, **loops, "levels": levels})


def _run(data: Mapping[str, Any]) -> Run:
    return Run(**{**data, "measured": Measurement(**data["measured"])})
