"""perf_analyzer's CSV as measurements. Must not run anything."""

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from deploy.local.errors import StartFailed

COLUMNS = ("load", "rows/s", "p50 ms", "p95 ms", "p99 ms", "queue ms", "compute ms")


@dataclass(frozen=True, slots=True)
class Measurement:
    """One level of load. A row is a pair, or a text. Times are per request, in milliseconds; from the client but for
    queue, compute and infer (the model's part of compute), which are averages of the server's own accounts."""

    load: str
    rows_per_s: float
    requests_per_s: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    queue_ms: float
    compute_ms: float
    network_ms: float
    infer_ms: float = 0.0

    def of_pairs(self, pairs_per_request: int) -> "Measurement":
        """The same with pairs as rows."""
        return replace(self, rows_per_s=self.requests_per_s * pairs_per_request)

    def document(self) -> dict[str, object]:
        """For --json."""
        return {name: round(value, 3) if isinstance(value, float) else value for name, value in asdict(self).items()}

    def cells(self) -> list[str]:
        """For a table with COLUMNS."""
        numbers = (self.rows_per_s, self.p50_ms, self.p95_ms, self.p99_ms, self.queue_ms, self.compute_ms)
        return [self.load, *(f"{number:,.1f}" for number in numbers)]


def read_report(file: Path, rows_per_request: int) -> list[Measurement]:
    """The measurements in order of load. Raises StartFailed when there is none."""
    with file.open(newline="") as source:
        measurements = [_measurement(line, rows_per_request) for line in csv.DictReader(source)]
    if not measurements:
        raise StartFailed(f"{file} holds no measurement", remedy="give more time: a longer --window-ms")
    return sorted(measurements, key=lambda one: float(one.load.split()[-1]))


def _measurement(line: dict[str, str], rows_per_request: int) -> Measurement:
    def total_ms(names: Sequence[str]) -> float:
        return sum(float(line[name] or 0) for name in names) / 1000

    level = "Concurrency" if "Concurrency" in line else "Request Rate"
    rows_per_s = float(line["Inferences/Second"])
    return Measurement(
        load=f"{level.lower()} {line[level]}",
        rows_per_s=rows_per_s,
        requests_per_s=rows_per_s / rows_per_request,
        p50_ms=total_ms(["p50 latency"]),
        p95_ms=total_ms(["p95 latency"]),
        p99_ms=total_ms(["p99 latency"]),
        queue_ms=total_ms(["Server Queue"]),
        compute_ms=total_ms(["Server Compute Input", "Server Compute Infer", "Server Compute Output"]),
        network_ms=total_ms(["Network+Server Send/Recv"]),
        infer_ms=total_ms(["Server Compute Infer"]),
    )
