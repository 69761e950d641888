"""One load test: input files by length, a perf_analyzer run for each, and what they say together. Must not know where
the rows come from."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from clients.load.perf_analyzer.binary import Load, PerfAnalyzer, Target
from clients.load.perf_analyzer.inputs import Inputs, input_names, write_inputs
from clients.load.perf_analyzer.report import Measurement, read_report
from gateway.domain.values import EncodedPair

OnClass = Callable[[Inputs], None]


@dataclass(frozen=True, slots=True)
class ClassResult:
    """The measurements of one class of length; not `stable` when they scattered more than was asked for."""

    inputs: Inputs
    measurements: list[Measurement]
    stable: bool = True


@dataclass(frozen=True, slots=True)
class Total:
    """All classes together at one level of load, each weighted with its share of the rows."""

    load: str
    rows_per_s: float
    requests_per_s: float


@dataclass(frozen=True, slots=True)
class Campaign:
    """What to load with what: rows in one request, and how many classes of length are measured apart."""

    url: str
    model: str
    load: Load
    rows_per_request: int = 8
    length_classes: int = 3

    def run(
        self, analyzer: PerfAnalyzer, lists: Sequence[Sequence[EncodedPair]], folder: Path, told: OnClass
    ) -> "Result":
        """Runs every class, shortest first; calls `told` before each. Raises LocalStackError."""
        names = input_names(self.url, self.model)
        rows = self.rows_per_request
        results: list[ClassResult] = []
        for inputs in write_inputs(folder, lists, names, rows, self.length_classes):
            told(inputs)
            run = analyzer.run(Target(self.url, self.model, inputs.file, rows), self.load, folder)
            results.append(ClassResult(inputs, read_report(run.report, rows), run.stable))
        return Result(self.model, rows, results)


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of a campaign."""

    model: str
    rows_per_request: int
    classes: list[ClassResult]

    def totals(self) -> list[Total]:
        """Per level: rows of all classes over the time they take; a rate cannot be averaged otherwise."""
        seconds: dict[str, float] = defaultdict(float)
        rows: dict[str, int] = defaultdict(int)
        for result in self.classes:
            for measurement in result.measurements:
                seconds[measurement.load] += result.inputs.rows / measurement.rows_per_s
                rows[measurement.load] += result.inputs.rows
        rates = {load: rows[load] / seconds[load] for load in rows}
        return [Total(load, rate, rate / self.rows_per_request) for load, rate in rates.items()]

    def document(self) -> dict[str, object]:
        """For --json."""
        return {
            "model": self.model,
            "rows_per_request": self.rows_per_request,
            "total": [asdict(total) for total in self.totals()],
            "classes": [
                {
                    "tokens_per_row": result.inputs.length,
                    "padding": round(result.inputs.padding, 4),
                    "requests": result.inputs.requests,
                    "stable": result.stable,
                    "measurements": [measurement.document() for measurement in result.measurements],
                }
                for result in self.classes
            ],
        }
