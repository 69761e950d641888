"""crossrank sweep: rising request rates against Triton and the gateway, as a page and a file. Must not measure."""

from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from clients.command_line.measure.request_sample import model_repository, sampled
from clients.command_line.shared import console
from clients.command_line.shared.console import AsJson, CommandFailed, ExitCode, StateDirectory
from clients.command_line.shared.running_stack import running_stack
from clients.load.machine import describe_machine
from clients.load.perf_analyzer.binary import find_perf_analyzer
from clients.load.sample.lists import sample_lists
from clients.load.sample.own_gateway import own_gateway
from clients.load.sample.pairs import sample_pairs
from clients.load.sweep.page import write_page
from clients.load.sweep.report import Level, Sweep, TargetSweep
from clients.load.sweep.subjects import gateway_subject, triton_subject
from clients.load.sweep.sweep import Steps, TargetSweeper
from deploy.local import stack
from deploy.local.process.state import StackState
from gateway.telemetry.logs import configure_logging

_MODEL = "cross_encoder"
_FOLDER = "sweep"
_CANDIDATES = 100
_COLUMNS = ("target", "offered/s", "answered/s", "p50 ms", "p95 ms", "p99 ms", "p99 of runs")


class TargetChoice(Enum):
    """What is loaded."""

    TRITON = "triton"
    GATEWAY = "gateway"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class StepsChoice:
    """How hard and how long."""

    target: Annotated[TargetChoice, typer.Option(help="Triton with token ids, the gateway with texts, or both.")] = (
        TargetChoice.BOTH
    )
    rates: Annotated[str, typer.Option(help="Rates, as shares of what a closed loop gets, joined by commas.")] = (
        "0.2,0.4,0.6,0.75,0.9,1.05"
    )
    runs: Annotated[int, typer.Option(help="Runs of each rate; their spread is reported.", min=1, max=20)] = 3
    window_ms: Annotated[int, typer.Option(help="A third of the time of one run.", min=500, max=60_000)] = 3000

    def steps(self) -> Steps:
        """Raises CommandFailed for shares that are none."""
        try:
            shares = [float(part) for part in self.rates.split(",")]
        except ValueError:
            shares = []
        if not shares or not all(0 < share <= 10 for share in shares):
            raise CommandFailed(
                f"--rates is {self.rates!r}; numbers above 0, at most 10, joined by commas",
                remedy="--rates 0.5,0.8,1.0",
                exit_code=ExitCode.USAGE,
            )
        return Steps(sorted(shares), self.runs, self.window_ms)


@dataclass(frozen=True, slots=True)
class RequestsChoice:
    """What is sent."""

    users: Annotated[int, typer.Option(help="Users whose histories and candidates are taken.", min=1)] = 60
    rows_per_request: Annotated[int, typer.Option(help="Pairs of a request to Triton.", min=1, max=64)] = 8
    items_per_list: Annotated[int, typer.Option(help="Items of a list for the gateway.", min=1, max=1000)] = 20


def sweep(
    steps: StepsChoice,
    requests: RequestsChoice,
    report: Annotated[Path, typer.Option(help="Where sweep.json and sweep.html go.")] = Path("build/loadtest"),
    state_dir: StateDirectory = None,
    as_json: AsJson = False,
) -> None:
    """Load Triton and the gateway with rising request rates until they are saturated; write a page with plots.

    Uses the running stack, else starts one; the gateway that is loaded is one of its own, without a cache and with a
    database that is removed again. The first rate that is not answered in full ends a target.
    """
    configure_logging("error")  # standard output is the result's alone
    wanted = steps.steps()
    machine = describe_machine()  # before the load
    directory = (state_dir or stack.default_state_directory()).resolve()
    folder = directory / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    analyzer = find_perf_analyzer(directory / "tools" / "perf_analyzer")
    targets = [one for one in TargetChoice if steps.target in {one, TargetChoice.BOTH} and one is not TargetChoice.BOTH]
    with (
        running_stack(directory) as state,
        console.progress_bar(
            "sampling", len(targets) * (len(wanted.shares) * wanted.runs + 2), quiet=as_json
        ) as advance,
    ):

        def told(what: str) -> None:
            advance.describe(what)
            advance()
            console.say(what)

        analyzer = replace(analyzer, headers=stack.control_headers(directory))
        sweeper = TargetSweeper(analyzer, wanted, folder, told)
        swept = {TargetChoice.TRITON: _triton, TargetChoice.GATEWAY: _gateway}
        results = [swept[one](sweeper, requests, directory, state) for one in targets]
    found = Sweep(machine, results)
    files = write_page(report, found)
    if as_json:
        console.print_json({**found.document(), "files": [str(file) for file in files]})
    else:
        _print(found, files)


def _triton(sweeper: TargetSweeper, requests: RequestsChoice, directory: Path, state: StackState) -> TargetSweep:
    lists = sampled(directory, state, partial(sample_pairs, users=requests.users, candidates=_CANDIDATES))
    folder, url = directory / _FOLDER, state.part("triton").url
    return sweeper.sweep(triton_subject(url, _MODEL, lists, requests.rows_per_request, folder))


def _gateway(sweeper: TargetSweeper, requests: RequestsChoice, directory: Path, state: StackState) -> TargetSweep:
    take = partial(sample_lists, users=requests.users, items_per_list=requests.items_per_list)
    taken, folder = sampled(directory, state, take), directory / _FOLDER
    postgres, triton = state.part("postgres"), state.part("triton")
    with own_gateway(postgres.url, triton.url, model_repository(directory), folder) as gateway:
        return sweeper.sweep(gateway_subject(gateway, _MODEL, taken, folder))


def _print(found: Sweep, files: list[Path]) -> None:
    rows = []
    for target in found.targets:
        for level in target.levels:
            cells = ["not in full", level.failure, "", "", ""] if level.failure else _cells(level)
            rows.append([target.target, f"{level.offered_per_s:,.1f}", *cells])
    console.print_table(_COLUMNS, rows)
    for target in found.targets:
        if target.cache_hit_share is not None:
            console.results.print(f"{target.target}: {target.cache_hit_share:.1%} of the pairs came from the cache")
    for file in files:
        console.results.print(str(file), soft_wrap=True)


def _cells(level: Level) -> list[str]:
    medians = [level.spread(name)[1] for name in ("requests_per_s", "p50_ms", "p95_ms", "p99_ms")]
    low, _, high = level.spread("p99_ms")
    return [*(f"{one:,.1f}" for one in medians), f"{low:,.1f} to {high:,.1f}"]
