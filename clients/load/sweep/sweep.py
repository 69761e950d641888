"""Request rates from light load to saturation, one perf_analyzer run each, after two closed loops that tell what there
is to saturate. Must not know what the requests mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from clients.load.perf_analyzer.binary import ANY_PERCENT, Load, PerfAnalyzer, Target
from clients.load.perf_analyzer.report import Measurement, read_report
from clients.load.perf_analyzer.trace import Trace, read_trace
from clients.load.sample.gateway_counts import GatewayCounts
from clients.load.sweep.report import Level, Run, TargetSweep
from deploy.local.errors import StartFailed
from gateway.domain.progress import Say

WINDOWS = 3
"""perf_analyzer reports the last three windows together; with any scatter allowed it measures no more."""

_EMPTY_WINDOW = "No valid requests recorded"
_MOST_DOUBLINGS = 3
_SPARE = 1.5
_SPARE_REQUESTS = 20
_MOST_PER_S = 200.0


@dataclass(frozen=True, slots=True)
class Steps:
    """Rates as shares of the throughput of the closed loop, how often each is run, and the length of one of the three
    windows of a run."""

    shares: Sequence[float] = (0.2, 0.4, 0.6, 0.75, 0.9, 1.05)
    runs: int = 3
    window_ms: int = 3000


@dataclass(frozen=True, slots=True)
class Subject:
    """What is loaded. `inputs` writes a file of so many requests; `counts` asks the service what it has counted, where
    it counts. A request is `rows` rows to perf_analyzer, and `pairs` pairs to the model."""

    name: str
    url: str
    model: str
    rows: int
    pairs: int
    callers: int
    inputs: Callable[[int], Path]
    counts: Callable[[], GatewayCounts] | None = None


class TargetSweeper:
    """Sweeps one subject in `folder`. `told` hears of every run before it starts."""

    def __init__(self, analyzer: PerfAnalyzer, steps: Steps, folder: Path, told: Say) -> None:
        self._analyzer = analyzer
        self._steps = steps
        self._folder = folder
        self._told = told

    def sweep(self, subject: Subject) -> TargetSweep:
        """Raises StartFailed when even the closed loops fail."""
        alone = self._closed(subject, 1, _MOST_PER_S)
        full = self._closed(subject, subject.callers, alone.requests_per_s * subject.callers)
        levels = self._levels(subject, full.requests_per_s)
        return TargetSweep(
            target=subject.name,
            pairs_per_request=subject.pairs,
            callers=subject.callers,
            alone=alone,
            full=full,
            levels=levels,
            cache_hit_share=subject.counts().cache_hit_share if subject.counts else None,
        )

    def _levels(self, subject: Subject, full_per_s: float) -> list[Level]:
        """Up to the first that is not answered in full. Runs of one rate lie apart, so that their spread tells how much
        the machine changes too."""
        levels = [Level(round(share * full_per_s, 3)) for share in self._steps.shares]
        for _ in range(self._steps.runs):
            for place, level in enumerate(levels):
                if not level.failure:
                    levels[place] = self._with_run(subject, level)
                if levels[place].failure:
                    del levels[place + 1 :]
        return levels

    def _with_run(self, subject: Subject, level: Level) -> Level:
        self._told(f"{subject.name}: {level.rate:.1f} requests/s")
        before = subject.counts() if subject.counts else None
        try:
            measured, trace = self._run(subject, self._load(request_rate=f"{level.rate}:{level.rate}:1"), level.rate)
        except StartFailed as refused:
            answers = subject.counts().answers_since(before) if subject.counts and before else {}
            return replace(level, failure=refused.message, answers=answers)
        return replace(level, runs=[*level.runs, Run(trace.sent_per_s, trace.seconds, measured)])

    def _closed(self, subject: Subject, callers: int, most_per_s: float) -> Measurement:
        self._told(f"{subject.name}: {callers} at a time")
        measured, _ = self._run(subject, self._load(concurrency=f"{callers}:{callers}:1"), most_per_s)
        return measured

    def _load(self, concurrency: str = "", request_rate: str = "") -> Load:
        return Load(concurrency, request_rate, self._steps.window_ms, WINDOWS, ANY_PERCENT)

    def _run(self, subject: Subject, load: Load, expected_per_s: float) -> tuple[Measurement, Trace]:
        """The measurement and when requests were sent. perf_analyzer refuses a window without any answer: it is made
        longer."""
        for _ in range(_MOST_DOUBLINGS):
            try:
                return self._run_once(subject, load, expected_per_s)
            except StartFailed as failure:
                if _EMPTY_WINDOW not in failure.message:
                    raise
            load = replace(load, window_ms=2 * load.window_ms)
        return self._run_once(subject, load, expected_per_s)

    def _run_once(self, subject: Subject, load: Load, expected_per_s: float) -> tuple[Measurement, Trace]:
        seconds = WINDOWS * load.window_ms / 1000
        inputs = subject.inputs(ceil(expected_per_s * seconds * _SPARE) + _SPARE_REQUESTS)
        target = Target(subject.url, subject.model, inputs, subject.rows)
        run = self._analyzer.run(target, load, self._folder)
        (measured,) = read_report(run.report, subject.rows)
        return measured.of_pairs(subject.pairs), read_trace(run.profile)
