"""A sweep of request rates as data, and as the JSON file that crossrank capacity reads. Must not measure or draw."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from clients.load.capacity.calibration import Alone
from clients.load.perf_analyzer.report import Measurement
from deploy.local.errors import LocalStackError
from gateway.domain.files import replace_json

FORMAT = 1
TRITON, GATEWAY = "triton", "gateway"
"""The targets there are."""


class SweepUnreadable(LocalStackError):
    """A file that is no sweep."""


@dataclass(frozen=True, slots=True)
class Level:
    """One rate, offered for `seconds` at the moments `sent_s`. Without `measured` the load generator gave up at the
    first refusal, and the rate is the one asked for: `failure` has its words, `answers` the number of answers by
    status, where the service counts them."""

    offered_per_s: float
    seconds: float
    measured: Measurement | None
    failure: str = ""
    answers: Mapping[str, int] = field(default_factory=dict)
    sent_s: Sequence[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class TargetSweep:
    """All levels of one target. `alone` and `full` are closed loops: one request at a time, and `callers` at a time.
    `cache_hit_share`: of the pairs of all its requests; None where the target has no cache."""

    target: str
    pairs_per_request: int
    callers: int
    alone: Alone
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
    levels = [
        Level(**{**one, "measured": Measurement(**one["measured"]) if one["measured"] else None})
        for one in data["levels"]
    ]
    return TargetSweep(
        **{**data, "alone": Alone(**data["alone"]), "full": Measurement(**data["full"]), "levels": levels}
    )
