"""crossrank capacity: how many replicas a load needs, from a measured sweep. Must not measure."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed
from clients.load.sweep.capacity import Demand, LeftOut, Plan, left_out, plan, usable
from clients.load.sweep.report import Sweep, TargetSweep, read_sweep

_ENOUGH = 100
_ASSUMPTION = "replicas are assumed to be machines like this one, independent of each other and evenly loaded"


def capacity(
    qps: Annotated[float, typer.Option(help="Requests per second, at the peak.", min=0.001, max=1e9)] = 50.0,
    p99_ms: Annotated[
        float, typer.Option(help="Latency that 99 % of the requests may take.", min=0.1, max=1e9)
    ] = 500.0,
    core_hour: Annotated[float, typer.Option(help="Price of a core for an hour; 0: unknown.", min=0, max=1e9)] = 0.0,
    sweep: Annotated[Path, typer.Option(help="What crossrank sweep measured.")] = Path("build/loadtest/sweep.json"),
    target: Annotated[str, typer.Option(help="Whose measurements: gateway or triton.")] = "gateway",
    as_json: AsJson = False,
) -> None:
    """Say how many replicas a load needs and what they cost, from the rates that crossrank sweep measured.

    Interpolates between measured rates and refuses to go beyond them; says how far off that is for rates it knows.
    """
    wanted, swept = Demand(qps, p99_ms), read_sweep(sweep)
    measured = _target(swept, target, sweep)
    levels = usable(measured)
    runs, answers = min(len(level.runs) for level in levels), min(run.answers for level in levels for run in level.runs)
    planned = plan(measured, wanted, int(swept.machine["cores"]), core_hour)
    held_out = left_out(levels)
    if as_json:
        console.print_json(
            {
                "machine": swept.machine,
                "target": target,
                "pairs_per_request": measured.pairs_per_request,
                "runs": runs,
                "fewest_answers": answers,
                "assumption": _ASSUMPTION,
                "demand": asdict(wanted),
                "plan": asdict(planned),
                "left_out": [{**asdict(one), "error": round(one.error, 4)} for one in held_out],
            }
        )
        return
    _print(planned, measured, wanted)
    _print_left_out(held_out)
    machine = f"{swept.machine.get('processor', 'unknown')}, {swept.machine['cores']} cores"
    basis = f"{runs} run(s) of each rate, each of at least {answers} answers"
    console.results.print(f"measured on {machine}, {basis}; {_ASSUMPTION}")
    if answers < _ENOUGH:
        console.say(f"the p99 of fewer than {_ENOUGH} answers is the slowest: sweep with a longer --window-ms")


def _target(sweep: Sweep, target: str, file: Path) -> TargetSweep:
    for one in sweep.targets:
        if one.target == target:
            return one
    known = ", ".join(one.target for one in sweep.targets)
    raise CommandFailed(f"{file} has no target {target!r}", remedy=f"--target: one of {known}")


def _print(planned: Plan, measured: TargetSweep, demand: Demand) -> None:
    def price(value: float | None) -> str:
        return "no price given" if value is None else f"{value:,.4g}"

    low, middle, high = planned.p99_ms
    limit = "the highest that was sustained" if planned.at_last_level else "interpolated"
    rows = [
        ["highest requests/s of a replica", f"{planned.highest_per_s:,.2f} ({limit})"],
        ["pairs/s per core at that rate", f"{planned.pairs_per_s_per_core:,.0f}"],
        ["replicas", f"{planned.replicas:,}"],
        ["requests/s of each", f"{planned.load_per_s:,.2f} (headroom {planned.headroom:.0%})"],
        [f"p99 measured at {planned.measured_per_s:,.2f}/s", f"{middle:,.0f} ms [{low:,.0f}, {high:,.0f}]"],
        ["price of an hour", price(planned.price_per_hour)],
        ["price of a million pairs", price(planned.price_per_million_pairs)],
    ]
    size = f"{measured.pairs_per_request} pairs"
    title = f"{measured.target}: {demand.requests_per_s:g} requests/s of {size}, p99 at most {demand.p99_ms:g} ms"
    console.print_table(("", ""), rows, title=title)


def _print_left_out(held_out: list[LeftOut]) -> None:
    rows = []
    for one in held_out:
        low, high = one.spread_ms
        measured = f"{one.measured_ms:,.0f} [{low:,.0f}, {high:,.0f}]"
        rows.append([f"{one.offered_per_s:,.2f}", f"{one.interpolated_ms:,.0f}", measured, f"{one.error:+.0%}"])
    title = "each measured rate, left out and interpolated from its neighbours"
    console.print_table(("offered/s", "p99 ms, interpolated", "p99 ms, measured", "error"), rows, title=title)
