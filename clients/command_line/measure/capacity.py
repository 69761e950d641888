"""crossrank capacity: from measured times to pairs per core, price and replicas, and how right that is about a measured
sweep. Must not measure."""

import math
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode
from clients.load.capacity.replica import BATCH_PAIRS, Replica

if TYPE_CHECKING:
    from clients.load.capacity.capacity import Demand, Machine, Plan, Rates
    from clients.load.sweep.prediction import Comparison
    from clients.load.sweep.report import Sweep

_GPU_BATCH_PAIRS = 256


@dataclass(frozen=True, slots=True)
class TimesChoice:
    """Where the times come from: a benchmark's file, a sweep's file, or by hand."""

    times: Annotated[
        Path | None, typer.Option(help="JSON of a benchmark, as build/bench/summary.json.", exists=True)
    ] = None
    section: Annotated[
        str, typer.Option(help="Its measurement of throughput, names joined by slashes: system/load.")
    ] = ""
    alone_section: Annotated[str, typer.Option(help="Its measurement of one list at a time, for latency.")] = ""
    sweep: Annotated[
        Path | None,
        typer.Option(help="JSON of crossrank sweep: to be compared with, and times if no others are given."),
    ] = None
    target: Annotated[str, typer.Option(help="The target of the sweep whose times to use.")] = "gateway"
    pairs_per_s: Annotated[float, typer.Option(help="By hand: throughput of one replica in full batches.", min=0)] = 0.0
    alone_p50_ms: Annotated[
        float, typer.Option(help="By hand: median latency of a list of --candidates, alone.", min=0)
    ] = 0.0
    alone_p99_ms: Annotated[float, typer.Option(help="By hand: its 99th percentile.", min=0)] = 0.0


@dataclass(frozen=True, slots=True)
class ReplicaChoice:
    """What one replica is, and what it costs."""

    cores: Annotated[int, typer.Option(help="Cores of a replica; 0: those of this machine.", min=0)] = 0
    gpus: Annotated[int, typer.Option(help="GPUs of a replica; the model then runs on them.", min=0)] = 0
    core_hour: Annotated[float, typer.Option(help="Price of a core for an hour.", min=0)] = 0.0
    gpu_hour: Annotated[float, typer.Option(help="Price of a GPU for an hour.", min=0)] = 0.0
    gateway_ms: Annotated[float, typer.Option(help="The gateway's own time for a list, one after another.", min=0)] = (
        0.0
    )
    chunk_pairs: Annotated[int, typer.Option(help="Pairs of one request to the model.", min=1, max=BATCH_PAIRS)] = 16

    def machine(self) -> "Machine":
        """For prices."""
        from clients.load.capacity.capacity import Machine

        return Machine(self.cores or os.cpu_count() or 1, self.gpus, self.core_hour, self.gpu_hour)

    def shape(self) -> Replica:
        """Batching without times, as `crossrank export` configures it: one instance on all cores, or one for each GPU,
        where whole batches are one piece of work each."""
        shape = Replica(1.0, gateway_s=self.gateway_ms / 1000, chunk_pairs=self.chunk_pairs)
        if self.gpus:
            whole = _GPU_BATCH_PAIRS
            return replace(shape, instances=self.gpus, batch_pairs=whole, micro_batch_pairs=whole)
        return replace(shape, workers=self.machine().cores)


@dataclass(frozen=True, slots=True)
class DemandChoice:
    """What must be borne."""

    qps: Annotated[float, typer.Option(help="Lists per second, at the peak.", min=0.001)] = 50.0
    candidates: Annotated[int, typer.Option(help="Candidates of a list.", min=1, max=10_000)] = 100
    cache_hits: Annotated[float, typer.Option(help="Share of pairs that the cache answers.", min=0, max=1)] = 0.0
    p99_ms: Annotated[float, typer.Option(help="Latency that 99 % of the lists may take.", min=0.1)] = 500.0

    def demand(self) -> "Demand":
        """For the plan."""
        from clients.load.capacity.capacity import Demand

        return Demand(self.qps, self.candidates, self.cache_hits, self.p99_ms)


def capacity(times: TimesChoice, replica: ReplicaChoice, demand: DemandChoice, as_json: AsJson = False) -> None:
    """Say how many replicas a load needs and what they cost, from measured times.

    A simulation of the batching rule predicts latencies; --sweep compares it with measured ones, level by level.
    """
    from clients.load.capacity.capacity import plan, rates
    from clients.load.sweep.prediction import compare
    from clients.load.sweep.report import read_sweep

    _refuse_odd_numbers(times, replica, demand)
    sweep = read_sweep(times.sweep) if times.sweep else None
    timed, machine = _timed(times, replica, demand, sweep), replica.machine()
    with console.progress_bar("simulating", 2, quiet=as_json) as advance:
        planned = plan(timed, machine, demand.demand())
        advance()
        compared = [one for target in sweep.targets for one in compare(target, replica.shape())] if sweep else []
        advance()
    found = rates(timed, machine)
    if as_json:
        console.print_json(
            {
                "replica": {**asdict(timed), "cores": machine.cores, "gpus": machine.gpus},
                "rates": asdict(found),
                "demand": asdict(demand.demand()),
                "plan": asdict(planned),
                "sweep": [one.document() for one in compared],
                "within_tolerance": all(one.good for one in compared) if compared else None,
            }
        )
        return
    _print_plan(found, planned, demand)
    if sweep:
        _print_comparison(compared)


def _refuse_odd_numbers(*choices: object) -> None:
    """Typer's bounds let infinity pass."""
    for choice in choices:
        for name in getattr(choice, "__dataclass_fields__", ()):
            value = getattr(choice, name)
            if isinstance(value, float) and not math.isfinite(value):
                option = "--" + name.replace("_", "-")
                raise CommandFailed(f"{option} is {value}", remedy="give a finite number", exit_code=ExitCode.USAGE)


def _timed(times: TimesChoice, replica: ReplicaChoice, demand: DemandChoice, sweep: "Sweep | None") -> Replica:
    """The replica with its times, from whichever source was given. Raises CommandFailed when none or two were."""
    from clients.load.capacity.calibration import Alone, calibrated
    from clients.load.capacity.service_times import ServiceTimes, read_times
    from clients.load.sweep.prediction import replica_of

    if times.times and times.pairs_per_s:
        raise CommandFailed("--times and --pairs-per-s are both given", remedy="give one", exit_code=ExitCode.USAGE)
    if times.times:
        per_s = read_times(times.times, times.section).pairs_per_s
        alone = read_times(times.times, times.alone_section) if times.alone_section else ServiceTimes(per_s)
    elif times.pairs_per_s:
        per_s = times.pairs_per_s
        alone = ServiceTimes(per_s, times.alone_p50_ms, times.alone_p99_ms)
    elif sweep:
        for one in sweep.targets:
            if one.target == times.target:
                return replica_of(one, replica.shape())
        known = ", ".join(one.target for one in sweep.targets)
        raise CommandFailed(f"{times.sweep} has no target {times.target!r}", remedy=f"--target: one of {known}")
    else:
        raise CommandFailed(
            "no measured times are given",
            remedy="--sweep build/loadtest/sweep.json (crossrank sweep), --times FILE, or --pairs-per-s",
            exit_code=ExitCode.USAGE,
        )
    if not alone.p50_ms:
        return calibrated(replica.shape(), per_s)
    p99_ms = max(alone.p99_ms, alone.p50_ms)
    return calibrated(replica.shape(), per_s, Alone(demand.candidates, alone.p50_ms, p99_ms, alone.p50_ms))


def _print_plan(found: "Rates", planned: "Plan", demand: DemandChoice) -> None:
    def price(value: float | None) -> str:
        return "no price given" if value is None else f"{value:,.4g}"

    rows = [
        ["pairs/s of a replica, always busy", f"{found.pairs_per_s:,.0f}"],
        ["pairs/s per core", f"{found.pairs_per_s_per_core:,.0f}"],
        *([["pairs/s per GPU", f"{found.pairs_per_s_per_gpu:,.0f}"]] if found.pairs_per_s_per_gpu else []),
        ["price of a million pairs, always busy", price(found.price_per_million_pairs)],
        ["replicas", f"{planned.replicas:,}"],
        ["lists/s of each", f"{planned.lists_per_s_per_replica:,.2f}"],
        ["predicted p50 and p99", f"{planned.p50_ms:,.1f} ms and {planned.p99_ms:,.1f} ms"],
        ["model busy", f"{planned.busy_share:.0%}"],
        ["price of an hour", price(planned.price_per_hour)],
        ["price of a million candidates at this demand", price(planned.price_per_million_pairs)],
    ]
    title = (
        f"{demand.qps:g} lists/s of {demand.candidates} candidates, {demand.cache_hits:.0%} from the cache, "
        f"p99 at most {demand.p99_ms:g} ms"
    )
    console.print_table(("", ""), rows, title=title)


def _print_comparison(compared: "list[Comparison]") -> None:
    from clients.load.sweep.prediction import TOLERANCE

    columns = ("target", "offered/s", "p50 ms", "p99 ms", "answered/s", f"within {TOLERANCE:.0%}")
    rows = [
        [
            one.target,
            f"{one.offered_per_s:,.1f}",
            *(
                f"{pair.predicted:,.1f} / {pair.measured:,.1f} ({pair.error:+.0%})"
                for pair in (one.p50_ms, one.p99_ms, one.requests_per_s)
            ),
            "yes" if one.good else "no",
        ]
        for one in compared
    ]
    console.print_table(columns, rows, title="predicted / measured (error of the prediction)")
    good = sum(one.good for one in compared)
    console.results.print(f"{good} of {len(compared)} levels are predicted within {TOLERANCE:.0%} in all three numbers")
